package modelfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"

	"github.com/hourglass-go/hourglass/tensor"
)

// Metadata is what a model file says beside graph and weights. Every field may be zero:
// the file then has no such key.
type Metadata struct {
	Name    string // of the model: the recipe's or the architecture's
	Task    string // "denoise", "reconstruct", ...: what the network makes of a picture
	Picture Picture
	Labels  []string // what class 0, 1, ... means
	Palette []string // the colour of class 0, 1, ...: "#rrggbb"
	Scores  []Score
	Trained Training
	// Extra holds the keys that this package does not know, with their values.
	Extra map[string]string
}

// Picture is what the network expects of a picture.
type Picture struct {
	Shape tensor.Shape // [H, W, C]; [tensor.Any] for a size that is free
	// Range is what black and white are as numbers; nil means 0 and 1. Mean and
	// Deviation, one number a channel, are what is subtracted then, and divided by.
	Range           []float64
	Mean, Deviation []float64
	// Order is that of a colour picture's channels; Mean and Deviation are in it too.
	Order Order
	// Polarity tells how the training pictures were drawn, so that one's own drawing can
	// be inverted where it is the other way round.
	Polarity Polarity
	// Multiple is what height and width must be multiples of; 0 means any size.
	Multiple int
}

// Polarity says which side of a drawing is the bright one.
type Polarity string

// What pictures can be, beside the empty polarity of those that are no drawings.
const (
	LightOnDark Polarity = "light on dark" // MNIST: white ink on black
	DarkOnLight Polarity = "dark on light" // ink on paper
)

// MeasurePolarity finds the polarity of pictures with values in 0..1: a drawing is mostly
// background, so its mean is far from the middle. Pictures in between, photographs, have
// none.
func MeasurePolarity(pictures *tensor.Tensor) Polarity {
	const far = 0.1 // from 0.5; Fashion-MNIST, the fullest of drawings, has mean 0.29
	sum := 0.0
	for _, v := range pictures.Data {
		sum += float64(v)
	}
	switch mean := sum / float64(len(pictures.Data)); {
	case mean < 0.5-far:
		return LightOnDark
	case mean > 0.5+far:
		return DarkOnLight
	}
	return ""
}

// Score is a figure that the model reached.
type Score struct {
	Metric  string  `json:"metric"` // names its protocol: "psnr", "bce"
	Value   float64 `json:"value"`
	Data    string  `json:"data,omitempty"`  // the data set
	Split   string  `json:"split,omitempty"` // "validation", "test"
	Samples int     `json:"samples,omitempty"`
}

// Training is how the weights came about.
type Training struct {
	Recipe  string // YAML, as resolved
	Data    string // the data set
	Seed    uint64
	Epochs  int    // finished when the weights were what they are
	Version string // of the program
}

// field is a metadata key and the part of a Metadata that it stores: strings as they
// are, all else as JSON.
type field struct {
	key string
	at  func(*Metadata) any
}

var fields = []field{
	{"name", func(m *Metadata) any { return &m.Name }},
	{"task", func(m *Metadata) any { return &m.Task }},
	{"picture.shape", func(m *Metadata) any { return &m.Picture.Shape }},
	{"picture.range", func(m *Metadata) any { return &m.Picture.Range }},
	{"picture.mean", func(m *Metadata) any { return &m.Picture.Mean }},
	{"picture.deviation", func(m *Metadata) any { return &m.Picture.Deviation }},
	{"picture.order", func(m *Metadata) any { return (*string)(&m.Picture.Order) }},
	{"picture.polarity", func(m *Metadata) any { return (*string)(&m.Picture.Polarity) }},
	{"picture.multiple", func(m *Metadata) any { return &m.Picture.Multiple }},
	{"labels", func(m *Metadata) any { return &m.Labels }},
	{"palette", func(m *Metadata) any { return &m.Palette }},
	{"scores", func(m *Metadata) any { return &m.Scores }},
	{"trained.recipe", func(m *Metadata) any { return &m.Trained.Recipe }},
	{"trained.data", func(m *Metadata) any { return &m.Trained.Data }},
	{"trained.seed", func(m *Metadata) any { return &m.Trained.Seed }},
	{"trained.epochs", func(m *Metadata) any { return &m.Trained.Epochs }},
	{"trained.version", func(m *Metadata) any { return &m.Trained.Version }},
}

// encode returns the keys and values to be written.
func (m *Metadata) encode() (map[string]string, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	keys := map[string]string{}
	for _, f := range fields {
		at := f.at(m)
		if s, ok := at.(*string); ok {
			if *s != "" {
				keys[prefix+f.key] = *s
			}
			continue
		}
		v := reflect.ValueOf(at).Elem()
		if v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
			continue
		}
		text, err := json.Marshal(at)
		if err != nil {
			return nil, &FormatError{Where: inMetadata(prefix + f.key), What: err.Error(), Err: err}
		}
		keys[prefix+f.key] = string(text)
	}
	for key, value := range m.Extra {
		if isOwn(key) {
			return nil, &FormatError{Where: inMetadata(key), What: "this key is the format's own; it cannot be extra"}
		}
		keys[key] = value
	}
	return keys, nil
}

// isOwn reports whether a key is one that this package writes itself.
func isOwn(key string) bool {
	switch key {
	case formatKey, readerKey, graphKey, CheckpointKey:
		return true
	}
	for _, f := range fields {
		if key == prefix+f.key {
			return true
		}
	}
	return false
}

// ParseMetadata reads the keys of a safetensors file's metadata; a file of bare weights has
// none of them. What is wrong with one is a [*FormatError].
func ParseMetadata(keys map[string]string) (Metadata, error) {
	var m Metadata
	for _, f := range fields {
		text, ok := keys[prefix+f.key]
		if !ok {
			continue
		}
		at := f.at(&m)
		if s, ok := at.(*string); ok {
			*s = text
			continue
		}
		if err := unmarshal(text, at); err != nil {
			return Metadata{}, &FormatError{Where: inMetadata(prefix + f.key), What: err.Error(), Err: err}
		}
	}
	for key, value := range keys {
		if isOwn(key) {
			continue
		}
		if m.Extra == nil {
			m.Extra = map[string]string{}
		}
		m.Extra[key] = value
	}
	return m, m.check()
}

// unmarshal reads one JSON value.
func unmarshal(text string, into any) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("%s is not what belongs there: %w", shorten(text), err)
	}
	return nil
}

func shorten(text string) string {
	const most = 40
	if len(text) > most {
		return fmt.Sprintf("%q...", text[:most])
	}
	return fmt.Sprintf("%q", text)
}

var colour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// check returns the first contradiction in the metadata.
func (m *Metadata) check() error {
	p := &m.Picture
	for _, c := range []struct {
		key string
		err error
	}{
		{"picture.shape", checkShape(p.Shape)},
		{"picture.range", checkRange(p.Range)},
		{"picture.mean", checkChannels(p.Shape, p.Mean, math.Inf(-1))},
		{"picture.deviation", checkChannels(p.Shape, p.Deviation, 0)},
		{"picture.order", checkOrder(p)},
		{"picture.polarity", checkPolarity(p.Polarity)},
		{"picture.multiple", checkCount(p.Multiple)},
		{"palette", checkPalette(m.Palette, m.Labels)},
		{"scores", checkScores(m.Scores)},
		{"trained.epochs", checkCount(m.Trained.Epochs)},
	} {
		if c.err != nil {
			return &FormatError{Where: inMetadata(prefix + c.key), What: c.err.Error(), Err: c.err}
		}
	}
	return nil
}

func checkShape(s tensor.Shape) error {
	if s == nil {
		return nil
	}
	if len(s) != 3 {
		return fmt.Errorf("%v; height, width and channels are right", s)
	}
	for axis, d := range s {
		if d < 1 && (d != tensor.Any || axis == 2) {
			return fmt.Errorf("dimension %d of %v is not positive", axis, s)
		}
	}
	return nil
}

func checkRange(r []float64) error {
	if r == nil {
		return nil
	}
	if len(r) != 2 || !(r[0] < r[1]) || !finite(r) {
		return fmt.Errorf("%v; a lower and a higher number are right", r)
	}
	return nil
}

// checkChannels wants one number above low for each channel.
func checkChannels(s tensor.Shape, v []float64, low float64) error {
	if v == nil {
		return nil
	}
	if len(s) != 3 {
		return errors.New("numbers for the channels of a picture whose shape is not given")
	}
	if len(v) != s[2] {
		return fmt.Errorf("%d numbers for a picture of %d channels", len(v), s[2])
	}
	for _, x := range v {
		if !(x > low) || math.IsInf(x, 1) {
			return fmt.Errorf("%v; finite numbers above %v are right", v, low)
		}
	}
	return nil
}

func checkPolarity(p Polarity) error {
	switch p {
	case "", LightOnDark, DarkOnLight:
		return nil
	}
	return fmt.Errorf("%q; %q or %q is right", string(p), LightOnDark, DarkOnLight)
}

func checkCount(n int) error {
	if n < 0 {
		return fmt.Errorf("%d is negative", n)
	}
	return nil
}

func checkPalette(palette, labels []string) error {
	if len(palette) > 0 && len(labels) > 0 && len(palette) != len(labels) {
		return fmt.Errorf("%d colours for %d labels", len(palette), len(labels))
	}
	for _, c := range palette {
		if !colour.MatchString(c) {
			return fmt.Errorf(`%q is no colour; "#rrggbb" is right`, c)
		}
	}
	return nil
}

func checkScores(scores []Score) error {
	for _, s := range scores {
		if s.Metric == "" {
			return errors.New("a value without the name of its metric")
		}
		if !finite([]float64{s.Value}) {
			return fmt.Errorf("%s is %v; a finite number is right", s.Metric, s.Value)
		}
	}
	return nil
}

func finite(v []float64) bool {
	for _, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}
