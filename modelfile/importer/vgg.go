package importer

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hourglass-go/hourglass/modelfile"
)

// VGG is what a file holds of a VGG network.
type VGG struct {
	Layers    int // with weights: 11, 13, 16 or 19
	BatchNorm bool
	Channels  int // of a picture
	Width     int // channels of the first block
	// Hidden and Classes are the units of the first two dense layers and of the last; 0
	// where the file has not these three.
	Hidden, Classes int

	archive *Archive
	names   string // whose names or program: "Keras", "torchvision", ...; "" for unknown
	convs   []layer
	dense   []layer
}

// layer is a layer with weights, as the file has it.
type layer struct {
	kernel, bias string // names of arrays
	shape        []int  // of the kernel
	// outFirst says that the kernel is [out, in, ...], not [..., in, out].
	outFirst bool
	// pixels is how many a dense layer reads the channels of: 49 for the first, or 1.
	// channelsFirst says that they are flattened from [c, h, w], not [h, w, c].
	pixels        int
	channelsFirst bool
	norm          map[string]string // gamma, beta, ...: names of arrays; nil for none
	epsilon       float64           // of the normalisation; 0 where the file does not tell
}

// out is the number of channels or units that the layer makes.
func (l *layer) out() int {
	if l.outFirst {
		return l.shape[0]
	}
	return l.shape[len(l.shape)-1]
}

// in is the number of channels or values that it reads.
func (l *layer) in() int {
	if l.outFirst {
		return l.shape[1]
	}
	return l.shape[len(l.shape)-2]
}

// vggConvolutions is how many convolutions each block has, by their number in all.
var vggConvolutions = map[int][]int{8: {1, 1, 2, 2, 2}, 10: {2, 2, 2, 2, 2}, 13: {2, 2, 3, 3, 3}, 16: {2, 2, 4, 4, 4}}

// FindVGG looks for the layers of a VGG among the arrays of a file, which may hold others
// too: by Keras's names (block1_conv1, fc1, predictions), by torchvision's (features.0.weight,
// classifier.0.weight), and in an ONNX file by the order of its operators.
func FindVGG(a *Archive) (*VGG, error) {
	v := &VGG{archive: a}
	var err error
	switch {
	case a.graph != nil:
		err = v.byGraph()
	case a.has(torchFeature):
		err = v.byTorchvision()
	case a.has(kerasLayer):
		err = v.byKeras()
	default:
		err = faulty("no VGG among its %d arrays, such as %s: Keras's names (block1_conv1/kernel) or torchvision's (features.0.weight) are right",
			len(a.arrays), a.examples())
	}
	if err == nil {
		err = v.check()
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (a *Archive) has(pattern *regexp.Regexp) bool {
	return slices.ContainsFunc(a.arrays, func(t Array) bool { return pattern.MatchString(t.Name) })
}

func (a *Archive) examples() string {
	var names []string
	for _, t := range a.arrays[:min(len(a.arrays), 3)] {
		names = append(names, strconv.Quote(t.Name))
	}
	return strings.Join(names, ", ")
}

var (
	// Keras wrote block1_conv1/kernel, block1_conv1/block1_conv1_W_1:0 and more; the rank
	// tells kernels from biases.
	kerasLayer = regexp.MustCompile(`(?:^|[/.])(block([1-5])_conv([1-4])|fc1|fc2|predictions)(_norm)?[/._]`)
	// A network that has a VGG inside puts something before.
	torchFeature    = regexp.MustCompile(`^(.*\.)?features\.(\d+)\.(weight|bias|running_mean|running_var)$`)
	torchClassifier = regexp.MustCompile(`^(.*\.)?classifier\.(\d+)\.(weight|bias)$`)
)

// byKeras collects layers by Keras's names, which are this program's own, too.
func (v *VGG) byKeras() error {
	v.names = "Keras"
	layers := map[string]*layer{}
	for _, t := range v.archive.arrays {
		m := kerasLayer.FindStringSubmatch(t.Name)
		if m == nil {
			continue
		}
		l := layers[m[1]]
		if l == nil {
			l = &layer{}
			layers[m[1]] = l
		}
		switch {
		case m[4] != "":
			if l.norm == nil {
				l.norm = map[string]string{}
			}
			l.norm[t.Name[strings.LastIndexAny(t.Name, "/._")+1:]] = t.Name
			if strings.Contains(t.Name, "moving_") {
				l.norm["moving_"+t.Name[strings.LastIndexByte(t.Name, '_')+1:]] = t.Name
			}
		case len(t.Shape) == 1:
			l.bias = t.Name
		default:
			l.kernel, l.shape = t.Name, t.Shape
		}
	}
	for i := 1; i <= 5; i++ {
		for j := 1; j <= 4; j++ {
			if l := layers[fmt.Sprintf("block%d_conv%d", i, j)]; l != nil {
				v.convs = append(v.convs, *l)
			}
		}
	}
	for _, name := range []string{"fc1", "fc2", "predictions"} {
		if l := layers[name]; l != nil {
			v.dense = append(v.dense, *l)
		}
	}
	for i := range v.convs {
		v.convs[i].outFirst = kernelIsLast(v.convs[i].shape)
	}
	return nil
}

// kernelIsLast reports whether a convolution's kernel of 3x3 is [out, in, 3, 3].
func kernelIsLast(shape []int) bool {
	return len(shape) == 4 && shape[2] == 3 && shape[3] == 3 && !(shape[0] == 3 && shape[1] == 3)
}

// byTorchvision collects layers by torchvision's names.
func (v *VGG) byTorchvision() error {
	v.names = "torchvision"
	prefix, features, err := v.archive.numbered(torchFeature)
	if err != nil {
		return err
	}
	for _, i := range sortedKeys(features) {
		f := features[i]
		l := layer{kernel: f["weight"], bias: f["bias"], shape: v.archive.shapes[f["weight"]], outFirst: true}
		switch {
		case len(l.shape) == 4:
			v.convs = append(v.convs, l)
		case f["running_mean"] != "" && len(v.convs) > 0:
			v.convs[len(v.convs)-1].norm = map[string]string{
				"gamma": f["weight"], "beta": f["bias"], "moving_mean": f["running_mean"], "moving_variance": f["running_var"],
			}
		}
	}
	if !v.archive.has(torchClassifier) {
		return nil
	}
	other, classifier, err := v.archive.numbered(torchClassifier)
	if err != nil || other != prefix {
		return err
	}
	for _, i := range sortedKeys(classifier) {
		f := classifier[i]
		v.dense = append(v.dense, layer{
			kernel: f["weight"], bias: f["bias"], shape: v.archive.shapes[f["weight"]], outFirst: true, channelsFirst: true,
		})
	}
	return nil
}

// numbered collects the arrays of a list of modules, by number and kind. They must all have
// one prefix.
func (a *Archive) numbered(pattern *regexp.Regexp) (prefix string, modules map[int]map[string]string, err error) {
	modules = map[int]map[string]string{}
	first := true
	for _, t := range a.arrays {
		m := pattern.FindStringSubmatch(t.Name)
		if m == nil {
			continue
		}
		if !first && m[1] != prefix {
			return "", nil, faulty("two networks are in the file, %s... and %s...; one is right", prefix, m[1])
		}
		prefix, first = m[1], false
		i, err := strconv.Atoi(m[2])
		if err != nil {
			return "", nil, faulty("%q has no number that can be", t.Name)
		}
		if modules[i] == nil {
			modules[i] = map[string]string{}
		}
		modules[i][m[3]] = t.Name
	}
	return prefix, modules, nil
}

func sortedKeys[V any](m map[int]V) []int {
	var keys []int
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// check makes sure that the layers are those of a VGG, and takes its sizes from them.
func (v *VGG) check() error {
	blocks := vggConvolutions[len(v.convs)]
	if blocks == nil {
		return faulty("%d convolutions, a VGG has 8, 10, 13 or 16", len(v.convs))
	}
	v.Layers = len(v.convs) + 3
	for i := range v.convs {
		if l := &v.convs[i]; len(l.shape) != 4 {
			return faulty("the kernel of convolution %d is %v, want height, width and channels", i+1, l.shape)
		}
	}
	v.Channels, v.Width, v.BatchNorm = v.convs[0].in(), v.convs[0].out(), v.convs[0].norm != nil
	in, at := v.Channels, 0
	for block, n := range blocks {
		for range n {
			l := &v.convs[at]
			out := v.Width << min(block, 3)
			if err := v.checkConv(l, in, out); err != nil {
				return fmt.Errorf("convolution %d of a VGG of %d layers: %w", at+1, v.Layers, err)
			}
			in, at = out, at+1
		}
	}
	v.takeTop()
	return v.checkSize()
}

func (v *VGG) checkConv(l *layer, in, out int) error {
	want := []int{3, 3, in, out}
	if l.outFirst {
		want = []int{out, in, 3, 3}
	}
	switch {
	case !slices.Equal(l.shape, want):
		return faulty("its kernel %q is %v, want %v", l.kernel, l.shape, want)
	case (l.norm != nil) != v.BatchNorm:
		return faulty("some are followed by a batch normalisation and some are not; all or none are right")
	case l.bias == "" && !v.BatchNorm:
		return faulty("it has no bias")
	case l.epsilon != 0 && (l.epsilon < 0.9e-5 || l.epsilon > 1.1e-5):
		return faulty("its normalisation has an epsilon of %v, 1e-5 is right", l.epsilon)
	}
	names := []string{l.bias}
	if l.norm != nil {
		for _, kind := range normParams {
			if l.norm[kind] == "" {
				return faulty("its normalisation has no %s", kind)
			}
			names = append(names, l.norm[kind])
		}
	}
	for _, name := range names {
		if shape := v.archive.shapes[name]; name != "" && !slices.Equal(shape, []int{out}) {
			return faulty("%q is %v, want [%d]", name, shape, out)
		}
	}
	return nil
}

var normParams = []string{"gamma", "beta", "moving_mean", "moving_variance"}

// takeTop keeps the dense layers if they are a VGG's: three, of which the first reads 7x7
// pixels; those of another head are let go.
func (v *VGG) takeTop() {
	fits := len(v.dense) == 3
	in := 7 * 7 * 8 * v.Width
	for i := range v.dense {
		l := &v.dense[i]
		l.pixels = 1
		if i == 0 {
			l.pixels = 7 * 7
		}
		fits = fits && len(l.shape) == 2 && l.in() == in && slices.Equal(v.archive.shapes[l.bias], []int{l.out()})
		if fits {
			in = l.out()
		}
	}
	if !fits || v.dense[0].out() != v.dense[1].out() {
		v.dense = nil
		return
	}
	v.Hidden, v.Classes = v.dense[0].out(), v.dense[2].out()
}

// checkSize makes sure that the file can hold what the shapes say, before memory is taken.
func (v *VGG) checkSize() error {
	total := int64(0)
	for _, l := range slices.Concat(v.convs, v.dense) {
		n := int64(1)
		for _, d := range l.shape {
			n *= int64(max(d, 0))
		}
		const half = 2 // bytes of the smallest numbers that are read
		if total += n; n > v.archive.size || total > v.archive.size/half {
			return faulty("its shapes stand for more numbers than a file of %d bytes holds", v.archive.size)
		}
	}
	return nil
}

// Normalisation is how a network wants its pictures, by name.
type Normalisation string

// The normalisations.
const (
	// BGRMean is that of the original VGG and of keras.applications: blue, green, red from 0 to
	// 255, minus 103.939, 116.779 and 123.68.
	BGRMean Normalisation = "bgr-mean"
	// RGBStandard is torchvision's: red, green, blue from 0 to 1, minus the mean of ImageNet's
	// pictures, divided by their standard deviation.
	RGBStandard Normalisation = "rgb"
	// NoNormalisation takes values from 0 to 1, red first.
	NoNormalisation Normalisation = "none"
)

// Normalisation is that of the library whose names or program the file shows.
func (v *VGG) Normalisation() (Normalisation, error) {
	switch v.names {
	case "Keras":
		return BGRMean, nil
	case "torchvision":
		return RGBStandard, nil
	}
	return "", faulty("the file does not tell how its network wants pictures: one of %s, %s and %s must be named", BGRMean, RGBStandard, NoNormalisation)
}

// Picture is what a model file says of pictures that are normalised so.
func (n Normalisation) Picture(shape []int) (modelfile.Picture, error) {
	p := modelfile.Picture{Shape: shape}
	switch cmp.Or(n, NoNormalisation) {
	case BGRMean:
		p.Order, p.Range, p.Mean = modelfile.BGR, []float64{0, 255}, []float64{103.939, 116.779, 123.68}
	case RGBStandard:
		p.Mean, p.Deviation = []float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225}
	case NoNormalisation:
	default:
		return p, faulty("unknown normalisation %q: %s, %s or %s is right", string(n), BGRMean, RGBStandard, NoNormalisation)
	}
	if n != NoNormalisation && shape[2] != 3 {
		return p, faulty("the normalisation %s is for three channels, the model takes %d", n, shape[2])
	}
	return p, nil
}
