package models

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// TestConvolutional holds the convolutional networks against the figures that their papers,
// or the same networks elsewhere, have.
func TestConvolutional(t *testing.T) {
	cases := []struct {
		name       string
		b          builder
		size, out  nn.Shape
		parameters int
		flops      int64 // of the layers with weights; their biases are an addition an output
	}{
		{"unet", UNet{}, nn.Shape{256, 256, 3}, nn.Shape{256, 256, 1}, 7760097, 24162402304},
		{"unet, odd", UNet{}, nn.Shape{333, 517, 3}, nn.Shape{333, 517, 1}, 7760097, 65408378112},
		{"unet, normalised", UNet{Norm: BatchNorm}, nn.Shape{256, 256, 3}, nn.Shape{256, 256, 1}, 7760097 + 3*2944, 24146411520},
		{"unet, the paper's widths", UNet{Channels: 1, Outputs: 2, Width: 64}, nn.Shape{64, 64, 1}, nn.Shape{64, 64, 2}, 31030658, 6014509056},
		{"dncnn", DnCNN{}, nn.Shape{512, 512, 1}, nn.Shape{512, 512, 1}, 555137, 290782969856},
		{"vgg-16", VGG{}, nn.Shape{224, 224, 3}, nn.Shape{1000}, 138357544, 30954085352},
		{"fcn-8s", FCN{}, nn.Shape{384, 512, 3}, nn.Shape{384, 512, 21}, 134489822, 167018642880},
		{"fcn-8s, odd", FCN{Classes: 2}, nn.Shape{33, 31, 3}, nn.Shape{33, 31, 2}, 134271436, 1731659172},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := c.b.Build()
			if err != nil {
				t.Fatal(err)
			}
			s, err := m.Summary(c.size)
			if err != nil {
				t.Fatal(err)
			}
			if s.Parameters != c.parameters {
				t.Errorf("%d parameters, want %d", s.Parameters, c.parameters)
			}
			if got := s.Layers[len(s.Layers)-1].Output; !got.Equal(c.out) {
				t.Errorf("output %v, want %v", got, c.out)
			}
			var flops int64
			for _, l := range s.Layers {
				if strings.HasPrefix(l.Type, "conv_2d") || l.Type == "dense" {
					flops += l.FLOPs
				}
			}
			if flops != c.flops {
				t.Errorf("%d FLOPs, want %d", flops, c.flops)
			}
		})
	}
}

// picture is an arbitrary one.
func picture(h, w, channels int) *tensor.Tensor {
	x := tensor.New(1, h, w, channels)
	for i := range x.Data {
		x.Data[i] = float32(math.Sin(float64(i)))
	}
	return x
}

// through is the output of a layer for a picture.
func through(t *testing.T, l nn.Layer, xs ...*tensor.Tensor) *tensor.Tensor {
	t.Helper()
	var in []*nn.Node
	for _, x := range xs {
		in = append(in, nn.Input(string(rune('a'+len(in))), x.Shape[1:]))
	}
	m, err := nn.NewModelOf(in, []*nn.Node{nn.Apply(l, in...)})
	if err != nil {
		t.Fatal(err)
	}
	y, err := m.Run(t.Context(), xs...)
	if err != nil {
		t.Fatal(err)
	}
	return y[0]
}

// TestAnySize: a picture of an odd size gives what its reflection to a multiple gives, cropped;
// at a multiple there is nothing but the network.
func TestAnySize(t *testing.T) {
	m, err := UNet{Channels: 2, Outputs: 2, Width: 2, Depth: 2, OutputActivation: nn.Sigmoid}.Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range [][2]int{{1, 1}, {4, 8}, {5, 11}, {2, 4}} {
		x := picture(size[0], size[1], 2)
		y, err := m.Predict(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := m.Predict(t.Context(), through(t, nn.PadToMultiple{Multiple: square(4)}, x))
		if err != nil {
			t.Fatal(err)
		}
		want := through(t, nn.CropToMatch{}, whole, x)
		if !y.Shape.Equal(nn.Shape{1, size[0], size[1], 2}) || !slices.Equal(y.Data, want.Data) {
			t.Errorf("%v: %v, want the crop of the padded picture's output", size, y.Shape)
		}
		if slices.Min(y.Data) <= 0 || slices.Max(y.Data) >= 1 {
			t.Errorf("%v: not through a sigmoid: %v", size, y.Data)
		}
	}
}

func TestDnCNNSubtractsNoise(t *testing.T) {
	residual, err := DnCNN{Depth: 3, Width: 4, Residual: true, BatchNorm: true}.Build()
	if err != nil {
		t.Fatal(err)
	}
	chain, err := nn.NewModel(residual.Inputs()[0], residual.Node("conv3"))
	if err != nil {
		t.Fatal(err)
	}
	x := picture(5, 7, 1)
	y, err := residual.Predict(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	noise, err := chain.Predict(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range y.Data {
		if v != x.Data[i]-noise.Data[i] {
			t.Fatalf("%v at %d, want %v - %v", v, i, x.Data[i], noise.Data[i])
		}
	}
}

func TestConvolutionalRefuses(t *testing.T) {
	for _, b := range []builder{
		UNet{Depth: maxDepth + 1}, UNet{Depth: -1}, UNet{Width: maxChannels}, UNet{Channels: -1}, UNet{Outputs: -1},
		DnCNN{Depth: 1}, DnCNN{Width: -1}, DnCNN{Channels: maxChannels + 1},
		UNet{Norm: "layer"}, UNet{Up: "down"}, UNet{Merge: "max"}, UNet{Odd: "crop"}, UNet{Border: "wrap"}, UNet{Kernel: maxKernel + 1},
		UNet{Dropout: 1}, UNet{Bottom: -0.1}, UNet{Residual: true},
		UNetPaper{Width: maxChannels}, UNetPaper{Dropout: 1}, UNetBook{Depth: maxDepth + 1},
		ResUNet{Depth: maxDepth + 1}, DenseUNet{Layers: []int{}}, DenseUNet{Layers: []int{4, 0}}, DenseUNet{Growth: maxChannels}, DenseUNet{Bottom: 101},
		UNetPlusPlus{Outputs: -1}, UNetPlusPlus{Dropout: 1}, AttentionUNet{Width: -1}, R2UNet{Steps: 17},
		VGG{Picture: nn.Shape{nn.Any, nn.Any, 3}}, VGG{Picture: nn.Shape{31, 224, 3}}, VGG{Picture: nn.Shape{224, 224}}, VGG{Classes: -1}, VGG{Layers: 12},
		VGG{Picture: nn.Shape{224, 224, 0}, NoTop: true}, VGG{Hidden: -1}, VGG{Width: maxChannels}, VGG{Dropout: 1},
		FCN{Classes: -1}, FCN{Channels: -1}, FCN{Stride: 4}, FCN{Form: "heavy"}, FCN{Padding: "valid"}, FCN{Form: LightForm, Padding: "pad100"}, FCN{Hidden: -1},
		FCN{Normalise: "grey"}, FCN{Channels: 1, Normalise: NormaliseBGR}, VGGUNet{Channels: 1, Normalise: NormaliseRGB}, VGGUNet{Layers: 12}, VGGUNet{Outputs: -1}, ResNetUNet{Layers: 101}, ResNetUNet{Width: 1},
		DeepLab{Layers: 16}, DeepLab{Rates: []int{}}, DeepLab{Rates: []int{0}}, DeepLab{Classes: -1}, DeepLab{Dropout: 1},
		ESPCN{Scale: maxScale + 1}, ESPCN{Width: 1}, EDSR{BlockScale: 2}, EDSR{Scale: -1}, EDSR{Blocks: maxChain + 1},
		PatchGAN{Layers: maxDepth + 1}, PatchGAN{Norm: "layer"}, PatchGAN{Width: maxChannels},
	} {
		if _, err := b.Build(); err == nil {
			t.Errorf("%+v was built", b)
		}
	}
	a, err := ByName("unet")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		option string
		value  any
		want   string
	}{
		{"activation", 3, "must be the name of an activation"},
		{"activation", "linear", "activation is linear, must be another; left out, it is relu"},
		{"up", "", `up is , must be another; left out, it is transpose2`},
		{"up", 2, "must be a name"},
		{"norm", "layer", `norm is "layer", must be none, batch, group or instance`},
		{"dropout", "half", "must be a number"},
	} {
		if _, err := a.Build(map[string]any{c.option: c.value}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: error %v, want %q", c.option, c.value, err, c.want)
		}
	}
}

// TestReceptiveFields holds what an output pixel sees against the literature: Araujo et al.
// 2019, Computing Receptive Fields of Convolutional Neural Networks, and the papers themselves.
func TestReceptiveFields(t *testing.T) {
	for _, c := range []struct {
		name, layer string
		b           builder
		size        nn.Shape
		want        [2]int
	}{
		{"vgg-16", "block5_pool", VGG{NoTop: true}, nn.Shape{1024, 1024, 3}, [2]int{212, 212}},
		{"fcn-8s, fc6", "fc7", FCN{}, nn.Shape{1024, 1024, 3}, [2]int{404, 404}},
		// 483 where a stage strides in its last block; here it strides in its first:
		// 7 + 2*2 + 3*8 + (8 + 3*16) + (16 + 5*32) + (32 + 2*64).
		{"resnet-50", "layer4_3_act", ResNetUNet{Layers: 50}, nn.Shape{1024, 1024, 3}, [2]int{427, 427}},
		{"dncnn", "conv17", DnCNN{}, nn.Shape{64, 64, 1}, [2]int{35, 35}},
		{"espcn", "conv3_shuffle", ESPCN{}, nn.Shape{64, 64, 1}, [2]int{9, 9}},
		{"patch-gan", "conv5", PatchGAN{}, nn.Shape{256, 256, 6}, [2]int{70, 70}},
		{"clipped to the picture", "conv5", PatchGAN{}, nn.Shape{64, 256, 6}, [2]int{64, 70}},
		{"a dense layer sees all", "code", Autoencoder{}, nn.Shape{28, 28, 1}, [2]int{28, 28}},
		{"so does a mean", "pyramid_mean", DeepLab{}, nn.Shape{512, 768, 3}, [2]int{512, 768}},
	} {
		m, err := c.b.Build()
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.Summary(c.size)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(s.Layers, func(l nn.LayerSummary) bool { return l.Name == c.layer })
		if i < 0 || s.Layers[i].Field != c.want {
			t.Errorf("%s: %s sees %v, want %v", c.name, c.layer, s.Layers[max(i, 0)].Field, c.want)
		}
	}
}
