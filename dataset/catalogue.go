package dataset

import (
	"fmt"
	"slices"
	"strings"
)

// Entry is a data set that [Get] can bring.
type Entry struct {
	Name       string // as the command line and $HOURGLASS_DATA know it
	Title      string
	Source     string // its authors and home
	Licence    string
	Train      int // number of samples
	Test       int
	ClassNames []string
	Files      []File
	Mirrors    []string // URLs of folders with the files, gzip, tried in order
}

// File is a file of a data set. Size and hash are those of the uncompressed content: it
// is the same however a mirror has compressed it.
type File struct {
	Name   string // uncompressed; with .gz on the mirrors
	Size   int64
	SHA256 string // hexadecimal
}

// Size returns the bytes of all files, uncompressed.
func (e Entry) Size() int64 {
	var n int64
	for _, f := range e.Files {
		n += f.Size
	}
	return n
}

// Catalogue returns the data sets that [Get] can bring.
func Catalogue() []Entry { return slices.Clone(catalogue) }

// Lookup returns the entry of that name. The error lists the names there are.
func Lookup(name string) (Entry, error) {
	var names []string
	for _, e := range catalogue {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Entry{}, fmt.Errorf("dataset: no data set %q in the catalogue, which has %s", name, strings.Join(names, ", "))
}

// The hashes are those of the authors' files; testdata/hashes.md tells how they were taken.
var catalogue = []Entry{
	{
		Name:       "mnist",
		Title:      "MNIST, hand-written digits, 28x28 grey",
		Source:     "Yann LeCun, Corinna Cortes, Christopher J. C. Burges; http://yann.lecun.com/exdb/mnist/",
		Licence:    "CC BY-SA 3.0",
		Train:      60000,
		Test:       10000,
		ClassNames: []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
		Files: []File{
			{trainImages, 47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
			{trainLabels, 60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
			{testImages, 7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
			{testLabels, 10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
		},
		Mirrors: []string{
			"https://ossci-datasets.s3.amazonaws.com/mnist/",
			"https://storage.googleapis.com/cvdf-datasets/mnist/",
		},
	},
	{
		Name:    "fashion-mnist",
		Title:   "Fashion-MNIST, articles of clothing, 28x28 grey",
		Source:  "Han Xiao, Kashif Rasul, Roland Vollgraf (Zalando SE); https://github.com/zalandoresearch/fashion-mnist",
		Licence: "MIT",
		Train:   60000,
		Test:    10000,
		ClassNames: []string{
			"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
		},
		Files: []File{
			{trainImages, 47040016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"},
			{trainLabels, 60008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
			{testImages, 7840016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"},
			{testLabels, 10008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"},
		},
		Mirrors: []string{
			"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
			"https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
			"https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
		},
	},
}
