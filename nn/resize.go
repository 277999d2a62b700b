package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/hourglass-go/hourglass/internal/kernels"
)

// ResizeMethod is how a pixel between those of the input is computed. All but the first
// three are weights k(t) of the distance t between an input pixel and the wanted place.
type ResizeMethod string

// The methods.
const (
	ResizeNearest ResizeMethod = "nearest"
	// ResizeArea is the mean over the output pixel's footprint, pixels that it covers in
	// part counting in part, as in TensorFlow.
	ResizeArea ResizeMethod = "area"
	// ResizeAdaptive is the mean of all pixels that the footprint touches, each in full:
	// adaptive average pooling, which PyTorch calls area.
	ResizeAdaptive ResizeMethod = "adaptive"
	ResizeBilinear ResizeMethod = "bilinear" // 1-t up to 1
	// ResizeBicubic is Keys (1981): (a+2)t³-(a+3)t²+1 up to 1, at³-5at²+8at-4a up to 2.
	ResizeBicubic  ResizeMethod = "bicubic"
	ResizeMitchell ResizeMethod = "mitchell" // the cubic of Mitchell and Netravali (1988), up to 2
	ResizeGaussian ResizeMethod = "gaussian" // exp(-2t²) up to 3/2
	ResizeLanczos3 ResizeMethod = "lanczos3" // sinc(t)sinc(t/3) up to 3
	ResizeLanczos5 ResizeMethod = "lanczos5" // sinc(t)sinc(t/5) up to 5
)

var resizeMethods = map[ResizeMethod]kernels.Interpolation{
	ResizeNearest: kernels.InterpolateNearest, ResizeArea: kernels.InterpolateArea, ResizeAdaptive: kernels.InterpolateAdaptive,
	ResizeBilinear: kernels.InterpolateLinear, ResizeBicubic: kernels.InterpolateCubic, ResizeMitchell: kernels.InterpolateMitchell,
	ResizeGaussian: kernels.InterpolateGaussian, ResizeLanczos3: kernels.InterpolateLanczos3, ResizeLanczos5: kernels.InterpolateLanczos5,
}

func (m ResizeMethod) check() error {
	if _, ok := resizeMethods[m]; !ok {
		return oneOf("Method", m, ResizeNearest, ResizeArea, ResizeAdaptive, ResizeBilinear, ResizeBicubic, ResizeMitchell,
			ResizeGaussian, ResizeLanczos3, ResizeLanczos5)
	}
	return nil
}

// Coordinates is the rule for the place x in the input of output pixel i, along an axis of
// in pixels that becomes one of out = scale*in. The names are ONNX's.
type Coordinates string

// The rules.
const (
	HalfPixel Coordinates = "half_pixel" // (i+1/2)/scale - 1/2: the pictures' borders coincide
	// AlignCorners is i*(in-1)/(out-1), 0 where out is 1: the centres of the corner pixels
	// coincide.
	AlignCorners Coordinates = "align_corners"
	Asymmetric   Coordinates = "asymmetric" // i/scale: the centres of the first pixels coincide
	// AlignCornersScale is ONNX's reading of align_corners: out is Scale*in, not rounded.
	AlignCornersScale Coordinates = "align_corners_scale"
	// HalfPixelOrigin is HalfPixel, but 0 where out is 1.
	HalfPixelOrigin Coordinates = "pytorch_half_pixel"
	// HalfPixelSymmetric is HalfPixel moved so that the centres of the pictures coincide
	// where Scale*in is no whole number.
	HalfPixelSymmetric Coordinates = "half_pixel_symmetric"
	HalfPixelUnshifted Coordinates = "tf_half_pixel_for_nn" // (i+1/2)/scale
	// CropAndResize spreads the output over Region, AlignCorners within it; what lies
	// outside the picture becomes Extrapolation.
	CropAndResize Coordinates = "tf_crop_and_resize"
)

var coordinates = map[Coordinates]kernels.Coordinates{
	HalfPixel: kernels.HalfPixel, AlignCorners: kernels.AlignCorners, Asymmetric: kernels.Asymmetric,
	AlignCornersScale: kernels.AlignCornersScale, HalfPixelOrigin: kernels.HalfPixelOrigin,
	HalfPixelSymmetric: kernels.HalfPixelSymmetric, HalfPixelUnshifted: kernels.HalfPixelUnshifted, CropAndResize: kernels.Region,
}

// Rounding says which pixel is nearest to a place x. The names are ONNX's.
type Rounding string

// The roundings.
const (
	RoundPreferCeil  Rounding = "round_prefer_ceil"  // floor(x+1/2)
	RoundPreferFloor Rounding = "round_prefer_floor" // ceil(x-1/2)
	RoundFloor       Rounding = "floor"
	RoundCeil        Rounding = "ceil"
)

var roundings = map[Rounding]kernels.Rounding{
	RoundPreferCeil: kernels.RoundPreferCeil, RoundPreferFloor: kernels.RoundPreferFloor,
	RoundFloor: kernels.RoundFloor, RoundCeil: kernels.RoundCeil,
}

// Aspect says what gives way where Size has other proportions than the input.
type Aspect string

// The aspects.
const (
	Stretch    Aspect = "stretch"     // the proportions: the output has the Size
	NotLarger  Aspect = "not_larger"  // the size: the largest output that fits into Size
	NotSmaller Aspect = "not_smaller" // the size: the smallest output that covers Size
)

// Resize brings pictures to another size. Input: [H, W, C], and, where neither Size nor
// Scale is set, a second one [H', W', ...] whose size is taken. Output: [H', W', C].
//
// Along each axis output pixel i lies at x, given by Coordinates, and is
//
//	out[i] = sum over j of k((j-x)/s)*in[j] / sum over j of k((j-x)/s)
//
// with k of Method; the width s is 1, or, with Antialias, max(1/scale, 1), so that
// shrinking averages over what it skips. Rows and columns are resized apart.
// Gradient: the transpose of this map; none for the second input.
//
// The defaults are those of Keras and tf.image.resize. Others are:
//
//	PyTorch interpolate   nearest: Asymmetric, RoundFloor; nearest-exact: the defaults; area: ResizeAdaptive
//	                      bicubic: CubicA -0.75, BorderEdge; antialias: the defaults with Antialias,
//	                      with align_corners too: Scale (out-1)/(in-1) beside the Size
//	TensorFlow 1          Asymmetric or AlignCorners; nearest: RoundFloor, with AlignCorners RoundPreferCeil
//	                      bicubic: CubicA -0.75, BorderEdge
//	ONNX                  BorderEdge without exclude_outside; CubicA -0.75; RoundPreferFloor; its align_corners is
//	                      AlignCornersScale
//	MATLAB imresize       Antialias, BorderSymmetric
type Resize struct {
	Size [2]int // height and width of the output; {0, 0} where it is not given
	// Scale is the ratio of the output's height and width to the input's. Without Size
	// they are floor(Scale*H) and floor(Scale*W). Places are computed with Scale where it
	// is set, and with the ratio of the sizes otherwise.
	Scale         [2]float64
	Aspect        Aspect       // with Size alone; Stretch where it is not set
	Method        ResizeMethod // ResizeBilinear where it is not set
	Coordinates   Coordinates  // HalfPixel where it is not set
	Rounding      Rounding     // of ResizeNearest; RoundPreferCeil where it is not set
	Border        Border       // BorderExclude, BorderEdge or BorderSymmetric; the first where it is not set
	CubicA        float64      // a of ResizeBicubic, -0.5 where it is 0
	Antialias     bool         // no meaning for nearest, area and adaptive
	Region        [4]float64   // of CropAndResize: top, left, bottom, right, 0 to 1 from centre to centre of the corners
	Extrapolation float64      // of CropAndResize
}

func init() { Register("resize", 1, Resize{}) }

func (r Resize) withDefaults() Layer {
	r.Aspect = orDefault(r.Aspect, Stretch)
	r.Method = orDefault(r.Method, ResizeBilinear)
	r.Coordinates = orDefault(r.Coordinates, HalfPixel)
	r.Rounding = orDefault(r.Rounding, RoundPreferCeil)
	r.Border = orDefault(r.Border, BorderExclude)
	if r.CubicA == 0 {
		r.CubicA = -.5
	}
	return r
}

// maxScale and its inverse bound Scale.
const maxScale = 1e5

func (r Resize) check() error {
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	if r.Size != [2]int{} {
		if err := checkSides("Size", r.Size); err != nil {
			return err
		}
	}
	if r.Scale != [2]float64{} {
		for _, s := range r.Scale {
			if !(s >= 1/maxScale && s <= maxScale) {
				return fmt.Errorf("Scale is %v, want %v to %v", r.Scale, 1/maxScale, maxScale)
			}
		}
	}
	for _, v := range r.Region {
		if !finite(v) {
			return fmt.Errorf("Region %v is not finite", r.Region)
		}
	}
	if !finite(r.CubicA) || !finite(r.Extrapolation) {
		return fmt.Errorf("CubicA is %v and Extrapolation %v, want finite numbers", r.CubicA, r.Extrapolation)
	}
	if r.Aspect != Stretch && (r.Size[0] == 0 || r.Scale[0] != 0) {
		return fmt.Errorf("Aspect %q needs a Size and no Scale", string(r.Aspect))
	}
	if (r.Method == ResizeArea || r.Method == ResizeAdaptive) && r.Coordinates != HalfPixel {
		return fmt.Errorf("Method %q is defined for Coordinates %q alone, got %q", string(r.Method), string(HalfPixel), string(r.Coordinates))
	}
	return errors.Join(
		oneOf("Aspect", r.Aspect, Stretch, NotLarger, NotSmaller),
		r.Method.check(),
		oneOf("Coordinates", r.Coordinates, HalfPixel, AlignCorners, Asymmetric, AlignCornersScale, HalfPixelOrigin,
			HalfPixelSymmetric, HalfPixelUnshifted, CropAndResize),
		oneOf("Rounding", r.Rounding, RoundPreferCeil, RoundPreferFloor, RoundFloor, RoundCeil),
		oneOf("Border", r.Border, BorderExclude, BorderEdge, BorderSymmetric),
	)
}

// inputs is 1, or 2 where the size is that of another value.
func (r Resize) inputs() int {
	if r.Size[0] == 0 && r.Scale[0] == 0 {
		return 2
	}
	return 1
}

// Infer gives the output the wanted size.
func (r Resize) Infer(in []Shape) (Signature, error) {
	r = r.withDefaults().(Resize)
	if err := r.check(); err != nil {
		return Signature{}, err
	}
	if n := r.inputs(); len(in) != n {
		if n == 2 {
			return Signature{}, fmt.Errorf("without Size and Scale takes 2 inputs, of which the second gives the size, got %d", len(in))
		}
		return Signature{}, fmt.Errorf("with Size or Scale takes 1 input, got %d", len(in))
	}
	shapes := wantPicture(in[:1], 1)
	if len(in) == 2 {
		shapes = wantPictureAndSize(in)
	}
	if shapes != nil {
		return Signature{}, shapes
	}
	size, _ := r.target(in)
	for axis, n := range size {
		if n == 0 || n > maxSide {
			return Signature{}, fmt.Errorf("Scale %v makes %d pixels of %d, want 1 to %d", r.Scale[axis], n, in[0][axis], maxSide)
		}
	}
	return Signature{Outputs: []Shape{{size[0], size[1], in[0][2]}}}, nil
}

// target is the output's size and the scale that places are computed with, 0 for the
// ratio of the sizes.
func (r Resize) target(in []Shape) (size [2]int, scale [2]float64) {
	switch {
	case r.Size[0] > 0 && r.Aspect == Stretch:
		return r.Size, r.Scale
	case r.Size[0] > 0:
		if in[0][0] == Any || in[0][1] == Any {
			return [2]int{Any, Any}, r.Scale
		}
		y, x := float64(r.Size[0])/float64(in[0][0]), float64(r.Size[1])/float64(in[0][1])
		s := math.Min(x, y)
		if r.Aspect == NotSmaller {
			s = math.Max(x, y)
		}
		for axis := range size {
			size[axis] = max(int(math.Floor(s*float64(in[0][axis])+.5)), 1)
		}
		return size, [2]float64{s, s}
	case r.Scale[0] > 0:
		for axis := range size {
			size[axis] = Any
			if n := in[0][axis]; n != Any {
				size[axis] = int(math.Floor(r.Scale[axis] * float64(n)))
			}
		}
		return size, r.Scale
	}
	return [2]int{in[1][0], in[1][1]}, r.Scale
}

// Compile computes the weights of both axes.
func (r Resize) Compile(batch int, in []Shape) Routine {
	r = r.withDefaults().(Resize)
	size, scale := r.target(in)
	var axes [2]*kernels.Axis
	for i := range axes {
		axes[i] = kernels.NewResampleAxis(in[0][i], size[i], kernels.Resampling{
			Interpolation: resizeMethods[r.Method], Coordinates: coordinates[r.Coordinates], Rounding: roundings[r.Rounding],
			Border: borders[r.Border], CubicA: r.CubicA, Antialias: r.Antialias, Scale: scale[i],
			From: r.Region[i], To: r.Region[i+2],
		})
	}
	if len(in) == 2 {
		return separable(batch, in[0], axes[0], axes[1], r.Extrapolation)
	}
	return separableOrView(batch, in[0], axes[0], axes[1], r.Extrapolation)
}
