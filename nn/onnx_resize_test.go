package nn

import (
	"fmt"
	"slices"
)

// onnxSpatial distributes values, given for axes of [N, C, H, W], or for all where axes is
// nil, on those four axes; the others get rest.
func onnxSpatial(values []float64, axes []int, rest float64) [4]float64 {
	if axes == nil {
		axes = []int{0, 1, 2, 3}
	}
	all := [4]float64{rest, rest, rest, rest}
	for i, a := range axes {
		if a < 0 {
			a += 4
		}
		all[a] = values[i]
	}
	return all
}

func onnxPad(c *onnxCase) (onnxRun, error) {
	var axes []int
	if a := c.input(3); a != nil {
		for _, v := range a.Data {
			axes = append(axes, int(v))
		}
	}
	pads := c.Inputs[1].Data
	half := len(pads) / 2
	before, after := onnxSpatial(pads[:half], axes, 0), onnxSpatial(pads[half:], axes, 0)
	if slices.Max(before[:2]) > 0 || slices.Max(after[:2]) > 0 {
		return onnxRun{}, notApplicable("pads the batch or channels")
	}
	m := Margins{Top: int(before[2]), Bottom: int(after[2]), Left: int(before[3]), Right: int(after[3])}
	var l Layer
	switch mode := c.text("mode", "constant"); mode {
	case "constant":
		value := 0.0
		if v := c.input(2); v != nil {
			value = v.Data[0]
		}
		l = ConstantPad{m, value}
	case "edge":
		l = EdgePad{m}
	case "reflect":
		l = ReflectPad{m}
	case "wrap":
		l = WrapPad{m}
	default:
		return onnxRun{}, fmt.Errorf("mode %q", mode)
	}
	return c.pictures(l, nil)
}

func onnxResize(c *onnxCase) (onnxRun, error) {
	l := Resize{
		Coordinates: Coordinates(c.text("coordinate_transformation_mode", "half_pixel")),
		Rounding:    Rounding(c.text("nearest_mode", "round_prefer_floor")),
		Aspect:      Aspect(c.text("keep_aspect_ratio_policy", "stretch")),
		CubicA:      c.number("cubic_coeff_a", -0.75),
		Antialias:   c.whole("antialias", 0) != 0,
		Border:      BorderEdge, Extrapolation: c.number("extrapolation_value", 0),
		Method: map[string]ResizeMethod{"nearest": ResizeNearest, "linear": ResizeBilinear, "cubic": ResizeBicubic}[c.text("mode", "nearest")],
	}
	if c.whole("exclude_outside", 0) != 0 {
		l.Border = BorderExclude
	}
	axes := c.wholes("axes")
	if s := c.input(2); s != nil {
		scale := onnxSpatial(s.Data, axes, 1)
		l.Scale = [2]float64{scale[2], scale[3]}
		if l.Coordinates == AlignCorners {
			l.Coordinates = AlignCornersScale
		}
	}
	if s := c.input(3); s != nil {
		size := onnxSpatial(s.Data, axes, 0)
		l.Size = [2]int{int(size[2]), int(size[3])}
	}
	if l.Coordinates == CropAndResize {
		roi := c.Inputs[1].Data
		half := len(roi) / 2
		from, to := onnxSpatial(roi[:half], axes, 0), onnxSpatial(roi[half:], axes, 1)
		l.Region = [4]float64{from[2], from[3], to[2], to[3]}
	}
	return c.pictures(l, nil)
}

func onnxUpsample(c *onnxCase) (onnxRun, error) {
	s := c.Inputs[1].Data
	return c.pictures(Resize{Scale: [2]float64{s[2], s[3]}, Method: ResizeNearest, Coordinates: Asymmetric, Rounding: RoundFloor}, nil)
}

func onnxDepthToSpace(c *onnxCase) (onnxRun, error) {
	b := c.whole("blocksize", 0)
	return c.pictures(DepthToSpace{Block: [2]int{b, b}, Order: DepthOrder(c.text("mode", "DCR"))}, nil)
}

func onnxSpaceToDepth(c *onnxCase) (onnxRun, error) {
	b := c.whole("blocksize", 0)
	return c.pictures(SpaceToDepth{Block: [2]int{b, b}, Order: DepthOrder(c.text("mode", "DCR"))}, nil)
}
