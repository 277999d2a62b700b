// Package models builds the architectures that Hourglass knows, one a file, each after
// the paper it names.
//
// An architecture is a plain struct whose fields are its options; the zero value stands
// for the defaults, and Build returns the model with weights drawn from seed 0. By name,
// for recipes and the command line, the same is reached through [ByName].
//
// A layer that others may want to cut at has a fixed name: "code" is the bottleneck of
// every autoencoder, so that nn.NewModel(m.Inputs()[0], m.Node("code")) is its encoder.
package models

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/hourglass-go/hourglass/internal/nearest"
	"github.com/hourglass-go/hourglass/nn"
)

// Architecture describes a family of models.
type Architecture struct {
	Name    string // as recipes and the command line know it
	Summary string // one line
	Paper   string // whose idea it is
	Options []Option

	sample builder // a value of the struct, with its defaults
}

// Option is a choice that an architecture offers.
type Option struct {
	Name    string // of the key in a recipe
	Meaning string
	Default any // as JSON has it
}

// builder is a struct with an architecture's options.
type builder interface {
	Build() (*nn.Model, error)
}

const vggPaper = "Simonyan and Zisserman 2015, Very Deep Convolutional Networks for Large-Scale Image Recognition"

// architectures is in the order of the list that users see.
var architectures = []Architecture{
	{
		Name:    "autoencoder",
		Summary: "dense autoencoder: ReLU layers down to a code and back up, sigmoid pixels",
		Paper:   "Hinton and Salakhutdinov 2006, Reducing the Dimensionality of Data with Neural Networks",
		sample:  Autoencoder{}.withDefaults(),
	},
	{
		Name:    "conv-autoencoder",
		Summary: "convolutional autoencoder, for pictures of any size: halved by pooling or stride, doubled by transposed convolutions or upsampling",
		Paper:   "Masci et al. 2011, Stacked Convolutional Auto-Encoders for Hierarchical Feature Extraction",
		sample:  ConvAutoencoder{}.withDefaults(),
	},
	{
		Name:    "unpool-autoencoder",
		Summary: "convolutional autoencoder, for pictures of any size, that unpools by the positions of the maxima",
		Paper:   "Badrinarayanan, Kendall and Cipolla 2017, SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation",
		sample:  UnpoolAutoencoder{}.withDefaults(),
	},
	{
		Name:    "vae",
		Summary: "convolutional variational autoencoder: the code is drawn from a normal distribution",
		Paper:   "Kingma and Welling 2014, Auto-Encoding Variational Bayes",
		sample:  VAE{}.withDefaults(),
	},
	{
		Name:    "vqvae",
		Summary: "vector-quantised autoencoder, for pictures of any size: the code is vectors of a learnt code book",
		Paper:   "van den Oord, Vinyals and Kavukcuoglu 2017, Neural Discrete Representation Learning",
		sample:  VQVAE{}.withDefaults(),
	},
	{
		Name:    "compressive-autoencoder",
		Summary: "convolutional autoencoder whose code is whole numbers, trained to need few bits",
		Paper:   "Ballé, Laparra and Simoncelli 2017, End-to-end Optimized Image Compression",
		sample:  CompressiveAutoencoder{}.withDefaults(),
	},
	{
		Name:    "vgg-11",
		Summary: "classifier: 8 3x3 convolutions in five blocks with pooling, three dense layers",
		Paper:   vggPaper,
		sample:  VGG{Layers: 11}.withDefaults(),
	},
	{
		Name:    "vgg-11-bn",
		Summary: "classifier: 8 3x3 convolutions in five blocks with pooling, batch normalisation, three dense layers",
		Paper:   vggPaper,
		sample:  VGG{Layers: 11, BatchNorm: true}.withDefaults(),
	},
	{
		Name:    "vgg-13",
		Summary: "classifier: 10 3x3 convolutions in five blocks with pooling, three dense layers",
		Paper:   vggPaper,
		sample:  VGG{Layers: 13}.withDefaults(),
	},
	{
		Name:    "vgg-13-bn",
		Summary: "classifier: 10 3x3 convolutions in five blocks with pooling, batch normalisation, three dense layers",
		Paper:   vggPaper,
		sample:  VGG{Layers: 13, BatchNorm: true}.withDefaults(),
	},
	{
		Name:    "vgg-16",
		Summary: "classifier: 13 3x3 convolutions in five blocks with pooling, three dense layers",
		Paper:   vggPaper,
		sample:  VGG{Layers: 16}.withDefaults(),
	},
	{
		Name:    "vgg-16-bn",
		Summary: "classifier: 13 3x3 convolutions in five blocks with pooling, batch normalisation, three dense layers",
		Paper:   vggPaper,
		sample:  VGG{Layers: 16, BatchNorm: true}.withDefaults(),
	},
	{
		Name:    "vgg-19",
		Summary: "classifier: 16 3x3 convolutions in five blocks with pooling, three dense layers",
		Paper:   vggPaper,
		sample:  VGG{Layers: 19}.withDefaults(),
	},
	{
		Name:    "vgg-19-bn",
		Summary: "classifier: 16 3x3 convolutions in five blocks with pooling, batch normalisation, three dense layers",
		Paper:   vggPaper,
		sample:  VGG{Layers: 19, BatchNorm: true}.withDefaults(),
	},
	{
		Name:    "fcn-32s",
		Summary: "labels pixels: VGG-16 made convolutional, scores of the last scale enlarged",
		Paper:   "Long et al. 2015, Fully Convolutional Networks for Semantic Segmentation",
		sample:  FCN{Stride: 32}.withDefaults(),
	},
	{
		Name:    "fcn-16s",
		Summary: "labels pixels: VGG-16 made convolutional, scores of two scales enlarged and added",
		Paper:   "Long et al. 2015, Fully Convolutional Networks for Semantic Segmentation",
		sample:  FCN{Stride: 16}.withDefaults(),
	},
	{
		Name:    "fcn-8s",
		Summary: "labels pixels: VGG-16 made convolutional, scores of three scales enlarged and added",
		Paper:   "Long et al. 2015, Fully Convolutional Networks for Semantic Segmentation",
		sample:  FCN{Stride: 8}.withDefaults(),
	},
	{
		Name:    "unet",
		Summary: "U-Net: convolutions down to a bottom and back up, each level with a skip connection",
		Paper:   "Ronneberger et al. 2015, U-Net: Convolutional Networks for Biomedical Image Segmentation",
		sample:  UNet{}.withDefaults(),
	},
	{
		Name:    "unet-paper",
		Summary: "U-Net with valid convolutions, as in its paper",
		Paper:   "Ronneberger et al. 2015, U-Net: Convolutional Networks for Biomedical Image Segmentation",
		sample:  UNetPaper{}.withDefaults(),
	},
	{
		Name:    "unet-book",
		Summary: "the book's U-Net for restoration: 4x4 convolutions, batch normalisation, LeakyReLU, dropout",
		Paper:   "Ronneberger et al. 2015, U-Net: Convolutional Networks for Biomedical Image Segmentation",
		sample:  UNetBook{}.withDefaults(),
	},
	{
		Name:    "res-unet",
		Summary: "U-Net of residual units, pre-activated",
		Paper:   "Zhang, Liu and Wang 2018, Road Extraction by Deep Residual U-Net",
		sample:  ResUNet{}.withDefaults(),
	},
	{
		Name:    "dense-unet",
		Summary: "U-Net of densely connected blocks: FC-DenseNet, or Tiramisu",
		Paper:   "Jégou et al. 2017, The One Hundred Layers Tiramisu: Fully Convolutional DenseNets for Semantic Segmentation",
		sample:  DenseUNet{}.withDefaults(),
	},
	{
		Name:    "unet-plus-plus",
		Summary: "nested U-Net: skip connections that are networks themselves",
		Paper:   "Zhou et al. 2018, UNet++: A Nested U-Net Architecture for Medical Image Segmentation",
		sample:  UNetPlusPlus{}.withDefaults(),
	},
	{
		Name:    "attention-unet",
		Summary: "U-Net whose skip connections pass attention gates",
		Paper:   "Oktay et al. 2018, Attention U-Net: Learning Where to Look for the Pancreas",
		sample:  AttentionUNet{}.withDefaults(),
	},
	{
		Name:    "r2-unet",
		Summary: "U-Net of recurrent residual units",
		Paper:   "Alom et al. 2018, Recurrent Residual Convolutional Neural Network based on U-Net (R2U-Net) for Medical Image Segmentation",
		sample:  R2UNet{}.withDefaults(),
	},
	{
		Name:    "vgg-unet",
		Summary: "U-Net whose way down is a VGG",
		Paper:   "Iglovikov and Shvets 2018, TernausNet: U-Net with VGG11 Encoder Pre-Trained on ImageNet for Image Segmentation",
		sample:  VGGUNet{}.withDefaults(),
	},
	{
		Name:    "resnet-unet",
		Summary: "U-Net whose way down is a ResNet",
		Paper:   "He et al. 2016, Deep Residual Learning for Image Recognition",
		sample:  ResNetUNet{}.withDefaults(),
	},
	{
		Name:    "deeplab",
		Summary: "labels pixels: a dilated ResNet under an atrous spatial pyramid, DeepLabv3",
		Paper:   "Chen et al. 2017, Rethinking Atrous Convolution for Semantic Image Segmentation",
		sample:  DeepLab{}.withDefaults(),
	},
	{
		Name:    "dncnn",
		Summary: "denoiser: a chain of 3x3 convolutions at full size",
		Paper:   "Zhang et al. 2017, Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image Denoising",
		sample:  DnCNN{}.withDefaults(),
	},
	{
		Name:    "espcn",
		Summary: "enlarges pictures: three convolutions at the small size, then pixel shuffle",
		Paper:   "Shi et al. 2016, Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network",
		sample:  ESPCN{}.withDefaults(),
	},
	{
		Name:    "edsr",
		Summary: "enlarges pictures: a chain of residual blocks without normalisation",
		Paper:   "Lim et al. 2017, Enhanced Deep Residual Networks for Single Image Super-Resolution",
		sample:  EDSR{}.withDefaults(),
	},
	{
		Name:    "patch-gan",
		Summary: "tells, patch by patch, made pictures from real ones: a discriminator",
		Paper:   "Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks",
		sample:  PatchGAN{}.withDefaults(),
	},
}

func init() {
	for i := range architectures {
		architectures[i].Options = optionsOf(architectures[i].sample)
	}
}

// All lists the architectures.
func All() []Architecture { return slices.Clone(architectures) }

// Names lists the architectures' names.
func Names() []string {
	var names []string
	for _, a := range architectures {
		names = append(names, a.Name)
	}
	return names
}

// ByName returns the architecture of that name. Its error tells the nearest name there is.
func ByName(name string) (Architecture, error) {
	for _, a := range architectures {
		if a.Name == name {
			return a, nil
		}
	}
	return Architecture{}, fmt.Errorf("models: unknown architecture %q%s", name, nearest.Hint(name, Names()))
}

// Build returns the model with the given options, by their names; numbers may be of any
// Go type, lists of any element type. What is not set has its default. An unknown option
// is refused with the nearest known one, a value of the wrong type with the right one.
func (a Architecture) Build(options map[string]any) (*nn.Model, error) {
	v := reflect.New(reflect.TypeOf(a.sample))
	v.Elem().Set(reflect.ValueOf(a.sample))
	var known []string
	for _, o := range a.Options {
		known = append(known, o.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("models: %s: unknown option %q%s", a.Name, name, nearest.Hint(name, known))
		}
		field := fieldOf(v.Elem(), name)
		text, err := json.Marshal(options[name])
		if err == nil && bytes.Equal(text, []byte("null")) {
			err = fmt.Errorf("no value")
		}
		fresh := reflect.New(field.Type()) // so that a list does not keep elements of the default
		if err == nil {
			err = json.Unmarshal(text, fresh.Interface())
		}
		if err != nil {
			return nil, fmt.Errorf("models: %s: %s is %v, must be %s", a.Name, name, options[name], kindOf(field.Type()))
		}
		if k := fresh.Elem().Kind(); k != reflect.Bool && k != reflect.Slice && fresh.Elem().IsZero() && !field.IsZero() {
			// In the struct it would stand for the default.
			return nil, fmt.Errorf("models: %s: %s is %v, must be %s; left out, it is %v", a.Name, name, fresh.Elem(), notZero(k), field)
		}
		field.Set(fresh.Elem())
	}
	m, err := v.Elem().Interface().(builder).Build()
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", a.Name, err)
	}
	return m, nil
}

// Resolve returns the options with every default written out.
func (a Architecture) Resolve(options map[string]any) map[string]any {
	all := map[string]any{}
	for _, o := range a.Options {
		all[o.Name] = o.Default
	}
	maps.Copy(all, options)
	return all
}

// Takes reports whether the architecture has an option of that name.
func (a Architecture) Takes(option string) bool {
	return slices.ContainsFunc(a.Options, func(o Option) bool { return o.Name == option })
}

// optionsOf reads an architecture's options off its struct: name from the json tag,
// meaning from the tag of that name, default from the value.
func optionsOf(sample builder) []Option {
	v := reflect.ValueOf(sample)
	var options []Option
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Tag.Get("json") == "-" { // what tells one architecture of a family from another
			continue
		}
		options = append(options, Option{Name: f.Tag.Get("json"), Meaning: f.Tag.Get("meaning"), Default: v.Field(i).Interface()})
	}
	return options
}

// fieldOf returns the field with that json tag.
func fieldOf(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("json") == name {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// notZero says in words what a field takes whose zero value stands for the default.
func notZero(k reflect.Kind) string {
	switch k {
	case reflect.Int:
		return "at least 1"
	case reflect.Float64:
		return "above 0"
	}
	return "another"
}

// kindOf says in words what a field takes.
func kindOf(t reflect.Type) string {
	if t == reflect.TypeFor[nn.ActivationFunc]() {
		return "the name of an activation, such as sigmoid"
	}
	switch t.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Slice:
		return "a list of whole numbers, such as [128, 64]"
	case reflect.Float64:
		return "a number"
	case reflect.String:
		return "a name"
	case reflect.Bool:
		return "true or false"
	default:
		return "a " + t.String()
	}
}
