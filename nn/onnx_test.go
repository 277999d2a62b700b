package nn

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// onnxCase is one of ONNX's node tests; testdata/onnx_nodes.py makes the file.
type onnxCase struct {
	Name       string
	Op         string
	Opset      int
	Attributes map[string]any
	InputRefs  []*int `json:"inputs"` // numbers of tensors, nil for one that is left out
	OutputRefs []*int `json:"outputs"`
	Rtol, Atol float64

	Inputs, Outputs []*onnxTensor `json:"-"`
}

func look(tensors []*onnxTensor, refs []*int) (found []*onnxTensor) {
	for _, r := range refs {
		var t *onnxTensor
		if r != nil {
			t = tensors[*r]
		}
		found = append(found, t)
	}
	return found
}

type onnxTensor struct{ goldenTensor }

// UnmarshalJSON reads the elements' bytes as whatever type they have.
func (t *onnxTensor) UnmarshalJSON(text []byte) error {
	var raw struct {
		Type, Data string
		Shape      Shape
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	data, err := base64.StdEncoding.DecodeString(raw.Data)
	if err != nil {
		return err
	}
	t.Shape = raw.Shape
	n := raw.Shape.Elems()
	t.Data = make([]float64, n)
	read := func(values any, at func(i int) float64) error {
		if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, values); err != nil {
			return err
		}
		for i := range t.Data {
			t.Data[i] = at(i)
		}
		return nil
	}
	switch raw.Type {
	case "float32":
		v := make([]float32, n)
		return read(v, func(i int) float64 { return float64(v[i]) })
	case "int64":
		v := make([]int64, n)
		return read(v, func(i int) float64 { return float64(v[i]) })
	case "uint64":
		v := make([]uint64, n)
		return read(v, func(i int) float64 { return float64(v[i]) })
	case "int32":
		v := make([]int32, n)
		return read(v, func(i int) float64 { return float64(v[i]) })
	case "uint32":
		v := make([]uint32, n)
		return read(v, func(i int) float64 { return float64(v[i]) })
	case "int16":
		v := make([]int16, n)
		return read(v, func(i int) float64 { return float64(v[i]) })
	case "uint16":
		v := make([]uint16, n)
		return read(v, func(i int) float64 { return float64(v[i]) })
	case "int8":
		v := make([]int8, n)
		return read(v, func(i int) float64 { return float64(v[i]) })
	case "uint8", "bool":
		v := make([]uint8, n)
		return read(v, func(i int) float64 { return float64(v[i]) })
	}
	return fmt.Errorf("type %q", raw.Type)
}

// onnxRun is a node test in our terms: what to run, and what has to come out, in our layout.
type onnxRun struct {
	goldenRun
	want      []goldenTensor // by output; one without data is not compared
	wantState map[string]goldenTensor
}

// notApplicable is why a node test says nothing about a layer.
type notApplicable string

func (e notApplicable) Error() string { return string(e) }

// TestONNXNodes runs ONNX's own node tests on our layers, in single precision, at ONNX's
// tolerances. go test -v prints the table.
func TestONNXNodes(t *testing.T) {
	var file struct {
		ONNX    string
		LeftOut map[string]int `json:"left_out"`
		Tensors []*onnxTensor
		Cases   []*onnxCase
	}
	readGzipJSON(t, "onnx_nodes.json.gz", &file)
	type row struct {
		passed, failed int
		not            map[string]int // reasons
	}
	table := map[string]*row{}
	for _, c := range file.Cases {
		c.Inputs, c.Outputs = look(file.Tensors, c.InputRefs), look(file.Tensors, c.OutputRefs)
		r := table[c.Op]
		if r == nil {
			r = &row{not: map[string]int{}}
			table[c.Op] = r
		}
		convert := onnxOperators[c.Op]
		if convert == nil {
			t.Errorf("%s: no converter for %s", c.Name, c.Op)
			continue
		}
		run, err := convert(c)
		switch err := err.(type) {
		case nil:
		case notApplicable:
			r.not[err.Error()]++
			continue
		default:
			t.Fatalf("%s: %v", c.Name, err)
		}
		if t.Run(c.Name, func(t *testing.T) { c.check(t, run) }) {
			r.passed++
		} else {
			r.failed++
		}
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "operator\tpassed\tfailed\tnot applicable\n")
	passed := 0
	for _, op := range slices.Sorted(maps.Keys(table)) {
		r := table[op]
		passed += r.passed
		var reasons []string
		for _, reason := range slices.Sorted(maps.Keys(r.not)) {
			reasons = append(reasons, fmt.Sprintf("%d: %s", r.not[reason], reason))
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", op, r.passed, r.failed, strings.Join(reasons, "; "))
	}
	w.Flush()
	t.Logf("ONNX %s, %d of %d cases passed\n%s", file.ONNX, passed, len(file.Cases), &text)
	t.Logf("left out for their size: %s", strings.Join(slices.Sorted(maps.Keys(file.LeftOut)), ", "))
	if passed < onnxPassed {
		t.Errorf("%d cases passed, want %d", passed, onnxPassed)
	}
}

func (c *onnxCase) check(t *testing.T, run onnxRun) {
	result := runGolden(t, run.goldenRun, func(r Routine) Op[float32] { return r.New32() })
	compare := func(what string, got []float64, want goldenTensor) {
		t.Helper()
		if len(got) != len(want.Data) {
			t.Fatalf("%s has %d elements, want %v", what, len(got), want.Shape)
		}
		for k, w := range want.Data {
			if d := math.Abs(got[k] - w); !(d <= c.Atol+c.Rtol*math.Abs(w)) && got[k] != w {
				t.Fatalf("%s: element %d is %v, want %v", what, k, got[k], w)
			}
		}
	}
	for i, want := range run.want {
		if want.Data != nil {
			compare(fmt.Sprint("output ", i), result.outputs[i], want)
		}
	}
	for name, want := range run.wantState {
		compare(name, result.state[name], want)
	}
}

// Attributes.

func (c *onnxCase) number(name string, or float64) float64 {
	if v, ok := c.Attributes[name].(float64); ok {
		return v
	}
	return or
}

func (c *onnxCase) whole(name string, or int) int { return int(c.number(name, float64(or))) }

func (c *onnxCase) text(name, or string) string {
	if v, ok := c.Attributes[name].(string); ok {
		return v
	}
	return or
}

// wholes is nil where the attribute is not there.
func (c *onnxCase) wholes(name string) []int {
	list, _ := c.Attributes[name].([]any)
	var v []int
	for _, x := range list {
		v = append(v, int(x.(float64)))
	}
	return v
}

// input is nil where it is left out.
func (c *onnxCase) input(i int) *onnxTensor {
	if i >= len(c.Inputs) {
		return nil
	}
	return c.Inputs[i]
}

// Layout.

// permuted moves axes: axis i of the result is axes[i] of t.
func (t goldenTensor) permuted(axes ...int) goldenTensor {
	out := goldenTensor{Data: make([]float64, len(t.Data))}
	for _, a := range axes {
		out.Shape = append(out.Shape, t.Shape[a])
	}
	at := make([]int, len(axes))
	for i := range out.Data {
		from := 0
		for k, a := range axes {
			from += at[k] * t.Shape[a+1:].Elems()
		}
		out.Data[i] = t.Data[from]
		for k := len(at) - 1; k >= 0; k-- {
			if at[k]++; at[k] < out.Shape[k] {
				break
			}
			at[k] = 0
		}
	}
	return out
}

func (t goldenTensor) reshaped(s ...int) goldenTensor { return goldenTensor{Shape: s, Data: t.Data} }

// picture is [N, C, H, W] as [N, H, W, C]; one dimension [N, C, L] becomes a row of pixels.
func (t goldenTensor) picture() (goldenTensor, error) {
	switch len(t.Shape) {
	case 3:
		return t.reshaped(t.Shape[0], t.Shape[1], 1, t.Shape[2]).permuted(0, 2, 3, 1), nil
	case 4:
		return t.permuted(0, 2, 3, 1), nil
	}
	return t, notApplicable(fmt.Sprintf("%d dimensions of space", len(t.Shape)-2))
}

// pictures is a run of a layer from pictures to pictures.
func (c *onnxCase) pictures(l Layer, params map[string]goldenTensor) (onnxRun, error) {
	x, err := c.Inputs[0].picture()
	if err != nil {
		return onnxRun{}, err
	}
	want, err := c.Outputs[0].picture()
	return onnxRun{goldenRun: goldenRun{layer: l, inputs: []goldenTensor{x}, params: params}, want: []goldenTensor{want}}, err
}

// sample is a run in which all of ONNX's axes, the batch's too, are those of one sample.
func (c *onnxCase) sample(l Layer, params map[string]goldenTensor, inputs ...*onnxTensor) (onnxRun, error) {
	run := onnxRun{goldenRun: goldenRun{layer: l, params: params}, want: []goldenTensor{c.Outputs[0].goldenTensor}}
	for _, x := range inputs {
		if slices.Contains(x.Shape, 0) {
			return run, notApplicable("an axis of size 0")
		}
		run.inputs = append(run.inputs, x.reshaped(append(Shape{1}, x.Shape...)...))
	}
	return run, nil
}
