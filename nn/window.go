package nn

import (
	"fmt"
	"strings"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// Padding says how far a window that slides over a picture may reach beyond it. It is
// written as valid, same, same_lower or explicit(TOP,BOTTOM,LEFT,RIGHT). The zero value is
// [Valid].
//
// With in pixels along an axis, and a window that spans extent = (kernel-1)*dilation + 1
// of them, the number of windows is
//
//	valid     floor((in - extent)/stride) + 1
//	same      ceil(in/stride); padded by max((out-1)*stride + extent - in, 0) in all, of
//	          which half, rounded down, comes before: an even kernel is padded unevenly
//	explicit  floor((in + before + after - extent)/stride) + 1
type Padding struct {
	rule    kernels.PadRule
	margins Margins
}

// The paddings that take no numbers. What Keras calls same, and ONNX SAME_UPPER, is Same.
var (
	Valid = Padding{rule: kernels.PadValid}
	Same  = Padding{rule: kernels.PadSame}
	// SameLower is Same with the larger half before, ONNX's SAME_LOWER.
	SameLower = Padding{rule: kernels.PadSameLower}
)

// Explicit is padding of as many pixels at each side.
func Explicit(top, bottom, left, right int) Padding {
	return Padding{rule: kernels.PadExplicit, margins: Margins{Top: top, Bottom: bottom, Left: left, Right: right}}
}

var paddingNames = map[string]Padding{"": Valid, "valid": Valid, "same": Same, "same_lower": SameLower}

// String is the padding as it is written.
func (p Padding) String() string {
	switch p.rule {
	case kernels.PadSame:
		return "same"
	case kernels.PadSameLower:
		return "same_lower"
	case kernels.PadExplicit:
		m := p.margins
		return fmt.Sprintf("explicit(%d,%d,%d,%d)", m.Top, m.Bottom, m.Left, m.Right)
	}
	return "valid"
}

// MarshalText writes the padding.
func (p Padding) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (p *Padding) UnmarshalText(text []byte) error {
	if named, ok := paddingNames[string(text)]; ok {
		*p = named
		return nil
	}
	var m Margins
	numbers := strings.ReplaceAll(string(text), " ", "")
	n, err := fmt.Sscanf(numbers, "explicit(%d,%d,%d,%d)", &m.Top, &m.Bottom, &m.Left, &m.Right)
	explicit := Padding{rule: kernels.PadExplicit, margins: m}
	if err != nil || n != 4 || explicit.String() != numbers {
		return fmt.Errorf("nn: unknown padding %q: want valid, same, same_lower or explicit(TOP,BOTTOM,LEFT,RIGHT)", text)
	}
	*p = explicit
	return nil
}

// sliding is how a layer's window moves over a picture.
type sliding struct {
	kernel, stride, dilation [2]int
	padding                  Padding
	ceil                     bool
	outputPadding            [2]int
	transposed               bool // the layer goes from the windows to the picture
}

// orPair is v, or d where v is not set.
func orPair(v, d [2]int) [2]int {
	if v == [2]int{} {
		return d
	}
	return v
}

// slide is the window's movement along the height, 0, or the width, 1.
func (s *sliding) slide(axis int) kernels.Slide {
	m := s.padding.margins
	l := kernels.Slide{
		Kernel: s.kernel[axis], Stride: s.stride[axis], Dilation: s.dilation[axis], Rule: s.padding.rule,
		Before: m.Top, After: m.Bottom, Ceil: s.ceil, OutputPadding: s.outputPadding[axis],
	}
	if axis == 1 {
		l.Before, l.After = m.Left, m.Right
	}
	return l
}

// over is the window's movement along an axis of known size.
func (s *sliding) over(axis, in int) (kernels.Window, error) {
	l := s.slide(axis)
	run := l.Over
	if s.transposed {
		run = l.Back
	}
	w, err := run(in)
	if err != nil {
		err = fmt.Errorf("%s: %w", axisNames[axis], err)
	}
	return w, err
}

var axisNames = [2]string{"height", "width"}

// infer is the shape of the result, of the given channels, for pictures of a shape.
func (s *sliding) infer(in Shape, channels int) (Shape, error) {
	out := Shape{Any, Any, channels}
	for axis := range 2 {
		if in[axis] == Any {
			// What is impossible for a large picture is so for all.
			if _, err := s.over(axis, 1<<15); err != nil {
				return nil, err
			}
			continue
		}
		w, err := s.over(axis, in[axis])
		if err != nil {
			return nil, err
		}
		out[axis] = w.Out
		if s.transposed {
			out[axis] = w.In
		}
	}
	return out, nil
}

// windows is the geometry over a picture of a shape that infer has accepted.
func (s *sliding) windows(in Shape) (h, w kernels.Window) {
	h, _ = s.over(0, in[0])
	w, _ = s.over(1, in[1])
	return h, w
}
