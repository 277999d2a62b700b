package nn

import (
	"fmt"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// inferPool is the shape rule of pooling, which refuses windows without a pixel.
func (s *sliding) inferPool(in Shape) (Shape, error) {
	out, err := s.infer(in, in[2])
	if err != nil {
		return nil, err
	}
	return out, s.checkInside(in)
}

// checkInside fails where a window over a picture has no tap in it.
func (s *sliding) checkInside(in Shape) error {
	for axis := range 2 {
		if in[axis] == Any {
			continue
		}
		w, err := s.over(axis, in[axis])
		if err == nil {
			err = w.CheckInside()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", axisNames[axis], err)
		}
	}
	return nil
}

// poolShape is the geometry of pooling pictures of a shape that infer has accepted.
func (s *sliding) poolShape(batch int, in Shape) kernels.PoolShape {
	p := kernels.PoolShape{Batch: batch, Channels: in[2]}
	p.H, p.W = s.windows(in)
	return p
}

// unpooled is the shape of what pooling made a picture in of: that of like, a later input,
// if it is not nil, else of the given size, else, axis by axis,
// (in-1)*stride + extent - padding; in*stride where the padding is same.
func (s *sliding) unpooled(in, like Shape, size [2]int) (Shape, error) {
	out := Shape{size[0], size[1], in[2]}
	switch {
	case like != nil && size != [2]int{}:
		return nil, fmt.Errorf("Size is %v, but the last input gives the size", size)
	case like != nil:
		if len(like) < 2 {
			return nil, fmt.Errorf("takes the size of a picture [H W C], got %v", like)
		}
		out[0], out[1] = like[0], like[1]
	case size == [2]int{}:
		back := *s
		back.transposed, back.ceil = true, false
		if s.padding == Valid {
			back.padding = Explicit(0, 0, 0, 0)
		}
		var err error
		if out, err = back.infer(in, in[2]); err != nil {
			return nil, err
		}
	case size[0] < 1 || size[1] < 1:
		return nil, fmt.Errorf("Size is %v, want at least 1", size)
	}
	for axis := range 2 {
		if out[axis] == Any {
			continue
		}
		w, err := s.over(axis, out[axis])
		if err == nil && in[axis] != Any && w.Out != in[axis] {
			err = fmt.Errorf("%s: pooling %d gives %d, so %d cannot come from it", axisNames[axis], out[axis], w.Out, in[axis])
		}
		if err != nil {
			return nil, err
		}
	}
	return out, s.checkInside(out)
}
