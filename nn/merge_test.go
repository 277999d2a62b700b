package nn

import (
	"fmt"
	"strings"
	"testing"
)

func TestMergeGradients(t *testing.T) {
	var cases []gradientCase
	for _, c := range []int{1, 3, 17} {
		for _, in := range [][]Shape{
			{{5, 3, c}, {5, 3, c}},
			{{5, 3, c}, {1, 1, c}},
			{{5, 3, 1}, {5, 3, c}},
			{{c}, {5, 3, c}},
			{{5, 1, c}, {1, 3, 1}},
		} {
			for _, l := range []Layer{Add{}, Subtract{}, Multiply{}} {
				cases = append(cases, gradientCase{fmt.Sprint(TypeName(l), in), l, GradientCheck{Inputs: in}})
			}
		}
		three := []Shape{{5, 3, c}, {1, 1, c}, {5, 3, 1}}
		cases = append(cases,
			gradientCase{fmt.Sprint("add", three), Add{}, GradientCheck{Inputs: three}},
			gradientCase{fmt.Sprint("multiply", three), Multiply{}, GradientCheck{Inputs: three}},
			gradientCase{fmt.Sprint("concatenate channels ", c), Concatenate{}, GradientCheck{Inputs: []Shape{{5, 3, c}, {5, 3, 2}, {5, 3, 1}}}},
			gradientCase{fmt.Sprint("concatenate rows ", c), Concatenate{Axis: 1}, GradientCheck{Inputs: []Shape{{5, 3, c}, {2, 3, c}}}},
			gradientCase{fmt.Sprint("concatenate columns ", c), Concatenate{Axis: -2}, GradientCheck{Inputs: []Shape{{5, 3, c}, {5, 4, c}}}},
			gradientCase{fmt.Sprint("prelu ", c), PReLU{}, GradientCheck{Inputs: []Shape{{5, 3, c}}}},
			gradientCase{fmt.Sprint("prelu of all ", c), PReLU{SharedAxes: []int{1, 2, 3}}, GradientCheck{Inputs: []Shape{{5, 3, c}}}},
			gradientCase{fmt.Sprint("prelu of columns ", c), PReLU{SharedAxes: []int{1, -1}}, GradientCheck{Inputs: []Shape{{5, 3, c}}}},
			gradientCase{fmt.Sprint("prelu of elements ", c), PReLU{PerElement: true}, GradientCheck{Inputs: []Shape{{5, 3, c}}}})
	}
	testChecks(t, cases)
}

// Broadcasting equals the formula with indices, on a shape with more rows than a tile has.
func TestBroadcast(t *testing.T) {
	const h, w, c = 37, 29, 33
	for _, gate := range []Shape{{1, 1, c}, {h, w, 1}, {c}, {1, w, c}, {h, 1, 1}, {h, w, c}, {1}} {
		x, g := Input("x", Shape{h, w, c}), Input("g", gate)
		m := must(NewModelOf([]*Node{x, g}, []*Node{Apply(Subtract{}, x, g), Apply(Multiply{}, g, x)}))
		a, b := random(1, 2, h, w, c), random(2, append([]int{2}, gate...)...)
		out := must(m.Run(t.Context(), a, b))
		wide := append(Shape{1, 1, 1}, gate...)[len(gate):]
		for i, v := range a.Data {
			n, y, col, ch := i/(h*w*c), i/(w*c)%h, i/c%w, i%c
			k := ((n*wide[0]+y%wide[0])*wide[1]+col%wide[1])*wide[2] + ch%wide[2]
			if out[0].Data[i] != v-b.Data[k] || out[1].Data[i] != v*b.Data[k] {
				t.Fatalf("gate %v: element %d: %v and %v of %v and %v", gate, i, out[0].Data[i], out[1].Data[i], v, b.Data[k])
			}
		}
	}
}

// An input may come more than once.
func TestMergeOfOneValue(t *testing.T) {
	x := Input("x", Shape{3, 5, 1})
	y := Apply(Activation{Tanh}, x)
	m := must(NewModelOf([]*Node{x}, []*Node{y, Apply(Add{}, y, y, y), Apply(Add{}, y, y), Apply(Subtract{}, y, y), Apply(Multiply{}, y, y), Apply(Concatenate{}, y, y)}))
	out := must(m.Run(t.Context(), random(1, 2, 3, 5, 1)))
	for i, v := range out[0].Data {
		if out[1].Data[i] != v+v+v || out[2].Data[i] != v+v || out[3].Data[i] != 0 || out[4].Data[i] != v*v ||
			out[5].Data[2*i] != v || out[5].Data[2*i+1] != v {
			t.Fatalf("element %d", i)
		}
	}
	for _, l := range []Layer{Add{}, Subtract{}} {
		alone := must(NewModel(x, Apply(l, Apply(Activation{Tanh}, x), Apply(Activation{Tanh}, x))))
		predict(t, alone, random(1, 2, 3, 5, 1))
	}
}

func TestMergeShapes(t *testing.T) {
	for _, c := range []struct {
		layer Layer
		in    []Shape
		want  string // the output or a part of the error
	}{
		{Add{}, []Shape{{Any, Any, 3}, {1, 1, 3}}, "[? ? 3]"},
		{Add{}, []Shape{{Any, 4, 3}, {5, Any, 3}}, "[5 4 3]"},
		{Add{}, []Shape{{5, 4, 3}, {5, 4, 2}}, "agree along each axis"},
		{Multiply{}, []Shape{{5, 4, 3}}, "two inputs"},
		{Subtract{}, []Shape{{5}, {5}, {5}}, "takes 2 inputs, got 3"},
		{Concatenate{}, []Shape{{Any, 4, 3}, {5, Any, 2}}, "[5 4 5]"},
		{Concatenate{Axis: 1}, []Shape{{Any, 4, 3}, {5, 4, 3}}, "[? 4 3]"},
		{Concatenate{}, []Shape{{5, 4, 3}, {5, 3, 3}}, "agree in all but axis 3"},
		{Concatenate{Axis: 4}, []Shape{{5, 4, 3}}, "axis 4 is not one of the 3"},
		{Concatenate{}, []Shape{{5, 4, 3}, {5, 4}}, "one rank"},
		{Concatenate{}, nil, "at least one"},
		{PReLU{}, []Shape{{Any, Any, 3}}, "[? ? 3]"},
		{PReLU{SharedAxes: []int{1}}, []Shape{{Any, Any, 3}}, "unknown size must be shared"},
		{PReLU{SharedAxes: []int{0}}, []Shape{{4, 3}}, "axis 0"},
		{PReLU{SharedAxes: []int{1}, PerElement: true}, []Shape{{4, 3}}, "contradicts"},
	} {
		sig, err := c.layer.Infer(c.in)
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(sig.Outputs[0])
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%T of %v: %s, want %s", c.layer, c.in, got, c.want)
		}
	}
}
