package models

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/nn"
)

func TestAutoencoder(t *testing.T) {
	cases := []struct {
		name   string
		a      Autoencoder
		params int
		units  []string
	}{
		{"the book's", Autoencoder{}, 222384, []string{"picture", "flatten", "encoder_1", "encoder_2", "code", "decoder_1", "decoder_2", "pixels", "reshape"}},
		{"simple", Autoencoder{Hidden: []int{128}, Code: 64}, 100480 + 8256 + 8320 + 101136, nil},
		{"odd shape", Autoencoder{Picture: nn.Shape{5, 3, 2}, Hidden: []int{}, Code: 7}, 31*7 + 8*30, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := c.a.Build()
			if err != nil {
				t.Fatal(err)
			}
			s, err := m.Summary()
			if err != nil {
				t.Fatal(err)
			}
			if s.Parameters != c.params {
				t.Errorf("%d parameters, want %d", s.Parameters, c.params)
			}
			var names []string
			for _, l := range s.Layers {
				names = append(names, l.Name)
			}
			if c.units != nil && !slices.Equal(names, c.units) {
				t.Errorf("layers %v, want %v", names, c.units)
			}
			in, out := m.Inputs()[0].Shape(), m.Outputs()[0].Shape()
			if !in.Equal(out) {
				t.Errorf("%v in, %v out", in, out)
			}
			encoder, err := nn.NewModel(m.Inputs()[0], m.Node("code"))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := encoder.Outputs()[0].Shape(), (nn.Shape{c.a.withDefaults().Code}); !got.Equal(want) {
				t.Errorf("code %v, want %v", got, want)
			}
		})
	}
}

func TestAutoencoderRefuses(t *testing.T) {
	for _, a := range []Autoencoder{
		{Picture: nn.Shape{28, 28}},
		{Picture: nn.Shape{nn.Any, nn.Any, 1}},
		{Picture: nn.Shape{1 << 40, 1 << 40, 1}},
		{Hidden: []int{128, 0}},
		{Code: -1},
		{Code: 1 << 40},
	} {
		if _, err := a.Build(); err == nil {
			t.Errorf("%+v was built", a)
		}
	}
}

func TestZeroIsNoDefault(t *testing.T) {
	a, err := ByName("autoencoder")
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Build(map[string]any{"code": 0})
	if err == nil || !strings.Contains(err.Error(), "code is 0, must be at least 1; left out, it is 32") {
		t.Errorf("error %v", err)
	}
}

func TestByName(t *testing.T) {
	a, err := ByName("autoencoder")
	if err != nil {
		t.Fatal(err)
	}
	m, err := a.Build(map[string]any{"hidden": []any{uint64(12)}, "code": 3.0})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Node("code").Shape(); !got.Equal(nn.Shape{3}) {
		t.Errorf("code is %v", got)
	}
	if n := len(m.Store().Params()); n != 8 {
		t.Errorf("%d parameters, want 8: a list must not keep the default's elements", n)
	}
	for _, c := range []struct {
		options map[string]any
		want    string
	}{
		{map[string]any{"hiden": 3}, `did you mean "hidden"?`},
		{map[string]any{"code": "many"}, "must be a whole number"},
		{map[string]any{"code": 1.5}, "must be a whole number"},
		{map[string]any{"code": nil}, "must be a whole number"},
		{map[string]any{"hidden": 12}, "must be a list of whole numbers"},
		{map[string]any{"code": -3}, "must be from 1 to"},
	} {
		if _, err := a.Build(c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, want one with %q", c.options, err, c.want)
		}
	}
	if _, err := ByName("autoencodr"); err == nil || !strings.Contains(err.Error(), `did you mean "autoencoder"?`) {
		t.Error(err)
	}
	if got := a.Resolve(map[string]any{"code": 8}); got["code"] != 8 || len(got) != len(a.Options) {
		t.Errorf("resolved to %v", got)
	}
}

func TestDecoderSharesWeights(t *testing.T) {
	m, err := Autoencoder{Picture: nn.Shape{5, 3, 1}, Hidden: []int{6}, Code: 2}.Build()
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := nn.NewModelOf([]*nn.Node{m.Node("code")}, m.Outputs())
	if err != nil {
		t.Fatal(err)
	}
	if decoder.Store() != m.Store() {
		t.Error("the decoder has weights of its own")
	}
	if _, err := decoder.Predict(context.Background(), tensorOfOnes(3, 2)); err != nil {
		t.Error(err)
	}
}
