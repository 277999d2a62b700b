package importer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hourglass-go/hourglass/modelfile/safetensors"
	"github.com/hourglass-go/hourglass/nn"
)

// Transfer is what became of a model's parameters.
type Transfer struct {
	Filled []string // have the file's values now
	Left   []string // are what they were
}

// Fill gives the model all of the file's arrays that have a parameter's name and shape, and
// then, where the file holds a VGG in whatever form, the parameters of that. It fails where
// nothing fits; where an array cannot be read, the model is partly overwritten.
func Fill(a *Archive, m *nn.Model) (*Transfer, error) {
	filled := map[string]bool{}
	for _, p := range m.Params() {
		if shape, ok := a.shapes[p.Name]; !ok || !slices.Equal(shape, p.Shape) {
			continue
		}
		v := m.Store().Value(p)
		if err := a.read(p.Name, v); err != nil {
			return nil, err
		}
		if err := safetensors.CheckFinite(p.Name, v); err != nil {
			return nil, err
		}
		filled[p.Name] = true
	}
	v, err := FindVGG(a)
	var none *FormatError
	switch {
	case err == nil:
		err = v.fill(m, filled)
	case errors.As(err, &none) && len(filled) > 0:
		err = nil // a file of another network, whose names fit
	}
	if err != nil {
		return nil, err
	}
	t := &Transfer{}
	for _, p := range m.Params() {
		if filled[p.Name] {
			t.Filled = append(t.Filled, p.Name)
		} else {
			t.Left = append(t.Left, p.Name)
		}
	}
	if len(t.Filled) == 0 {
		return nil, faulty("none of the model's layers is one of the file's VGG of %d layers", v.Layers)
	}
	return t, nil
}

// denseNames are what the dense layers of a VGG are called, as such and as convolutions.
var denseNames = [][]string{{"fc1", "fc6"}, {"fc2", "fc7"}, {"predictions"}}

// fill gives the model's layers that are called as a VGG's the file's weights.
func (v *VGG) fill(m *nn.Model, filled map[string]bool) error {
	params := map[string]*nn.Param{}
	for _, p := range m.Params() {
		if !filled[p.Name] {
			params[p.Name] = p
		}
	}
	f := filler{v.archive, m.Store(), params, filled}
	at := 0
	for block, n := range vggConvolutions[len(v.convs)] {
		for j := range n {
			name := fmt.Sprintf("block%d_conv%d", block+1, j+1)
			if err := f.conv(name, &v.convs[at]); err != nil {
				return err
			}
			at++
		}
	}
	for i := range v.dense {
		for _, name := range denseNames[i] {
			if err := f.dense(name, &v.dense[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// filler writes arrays into parameters.
type filler struct {
	archive *Archive
	store   *nn.Store
	params  map[string]*nn.Param // that are not filled yet
	filled  map[string]bool
}

// put stores what an array becomes by order, if the model has the parameter in one of the
// shapes that the array can take.
func (f *filler) put(param, array string, order func(dst, src []float32), shapes ...nn.Shape) error {
	p := f.params[param]
	if p == nil || array == "" || !slices.ContainsFunc(shapes, p.Shape.Equal) {
		return nil
	}
	src, err := f.archive.array(array, p.Shape.Elems())
	if err != nil {
		return err
	}
	order(f.store.Value(p), src)
	f.filled[param] = true
	return nil
}

func asItIs(dst, src []float32) { copy(dst, src) }

// vector stores an array of one number a channel.
func (f *filler) vector(param, array string) error {
	return f.put(param, array, asItIs, f.archive.shapes[array])
}

func (f *filler) conv(name string, l *layer) error {
	order := asItIs
	in, out := l.in(), l.out()
	if l.outFirst { // [out, in, h, w] becomes [h, w, in, out]
		const taps = 3 * 3
		order = func(dst, src []float32) {
			for o := range out {
				for i := range in {
					for t := range taps {
						dst[(t*in+i)*out+o] = src[(o*in+i)*taps+t]
					}
				}
			}
		}
	}
	errs := []error{f.put(name+"/kernel", l.kernel, order, nn.Shape{3, 3, in, out})}
	if l.bias == "" && f.params[name+"/bias"] != nil { // the normalisation's shift does the same
		clear(f.store.Value(f.params[name+"/bias"]))
		f.filled[name+"/bias"] = true
	}
	errs = append(errs, f.vector(name+"/bias", l.bias))
	for _, kind := range normParams {
		if l.norm != nil {
			errs = append(errs, f.vector(name+"_norm/"+kind, l.norm[kind]))
		}
	}
	return errors.Join(errs...)
}

// dense stores a dense layer, [in, out] with in flattened from [h, w, c]: the very order of a
// convolution's kernel [h, w, c, out].
func (f *filler) dense(name string, l *layer) error {
	in, out := l.in(), l.out()
	from := func(i int) int { return i } // the file's input that is input i here
	shapes := []nn.Shape{{in, out}, {1, 1, in, out}}
	if l.pixels > 1 {
		channels := in / l.pixels
		shapes[1] = nn.Shape{7, 7, channels, out}
		if l.channelsFirst {
			from = func(i int) int { return i%channels*l.pixels + i/channels }
		}
	}
	order := func(dst, src []float32) {
		for i := range in {
			row := from(i)
			for o := range out {
				if l.outFirst {
					dst[i*out+o] = src[o*in+row]
				} else {
					dst[i*out+o] = src[row*out+o]
				}
			}
		}
	}
	return errors.Join(f.put(name+"/kernel", l.kernel, order, shapes...), f.vector(name+"/bias", l.bias))
}
