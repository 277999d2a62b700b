package recipes

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/hourglass-go/hourglass/codec"
	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/metrics"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/models"
	"github.com/hourglass-go/hourglass/plot"
	"github.com/hourglass-go/hourglass/tensor"
	"github.com/hourglass-go/hourglass/train"
)

// slow skips a test that trains for long, or whose data is not there.
func slow(t *testing.T, data string) {
	t.Helper()
	if os.Getenv("HOURGLASS_SLOW") == "" {
		t.Skip("takes long: runs where HOURGLASS_SLOW is set")
	}
	if _, err := dataset.Find(data, ""); err != nil {
		if missing := (*dataset.NotFoundError)(nil); errors.As(err, &missing) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
}

// trained carries a recipe out.
func trained(t *testing.T, name string, set ...string) *Outcome {
	t.Helper()
	r, err := Load(name, set...)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Train(t.Context(), r, TrainOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s %v: %v", name, set, out.Metrics)
	return out
}

// TestSlowVectorQuantisation: VQ-VAE reconstructs Fashion-MNIST better than dense autoencoders
// whose codes, rounded to equal steps from the least to the greatest value that training pictures
// have, take as many bits or more, however these are divided into numbers.
func TestSlowVectorQuantisation(t *testing.T) {
	slow(t, "fashion-mnist")
	path := *vectorQuantiser
	if path == "" {
		path = trained(t, "vqvae-fashion").Model
	}
	e, err := Evaluate(t.Context(), path, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	book := e.Metrics["mse"]
	const bits = 49 * 9
	for _, hidden := range []string{"[128, 64]", "[512, 256]"} {
		for _, each := range []int{4, 5, 6, 7, 8, 9} {
			numbers := (bits + each - 1) / each
			t.Run(fmt.Sprintf("hidden=%s/%dx%d", hidden, numbers, each), func(t *testing.T) {
				out := trained(t, "mnist-autoencoder", "data=fashion-mnist", "loss=l2", "epochs=30",
					"metrics=[mse]", "model.hidden="+hidden, fmt.Sprint("model.code=", numbers))
				dense := quantisedError(t, out.Model, 1<<each)
				t.Logf("%d numbers of %d bits: mse %.5f; VQ-VAE %.5f", numbers, each, dense, book)
				if !(book < dense) {
					t.Errorf("%d numbers of %d bits: mse %.5f, VQ-VAE %.5f", numbers, each, dense, book)
				}
			})
		}
	}
}

// quantisedError is the mean squared error over the test pictures when each number of the code has
// but that many levels.
func quantisedError(t *testing.T, path string, levels int) float64 {
	t.Helper()
	m, _, err := modelfile.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := models.Encoder(m)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := models.Decoder(m)
	if err != nil {
		t.Fatal(err)
	}
	training, test, err := dataset.Load("fashion-mnist", "")
	if err != nil {
		t.Fatal(err)
	}
	known, _, err := encode(t.Context(), encoder, training.Tensor(0, training.Len()))
	if err != nil {
		t.Fatal(err)
	}
	pictures := test.Tensor(0, test.Len())
	codes, shape, err := encode(t.Context(), encoder, pictures)
	if err != nil {
		t.Fatal(err)
	}
	quantiseLevels(codes, fitNormal(known), levels)
	got, err := decodeCodes(t.Context(), decoder, codes, shape)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i, v := range got.Data {
		d := float64(v - pictures.Data[i])
		sum += d * d
	}
	return sum / float64(len(got.Data))
}

// quantiseLevels rounds each number of the codes to one of the levels between the least and the
// greatest value.
func quantiseLevels(codes *tensor.Tensor, d *distribution, levels int) {
	size := len(d.mean)
	for i, v := range codes.Data {
		low, high := d.low[i%size], d.high[i%size]
		if high == low {
			codes.Data[i] = float32(low)
			continue
		}
		step := (high - low) / float64(levels-1)
		k := math.Round((float64(v) - low) / step)
		codes.Data[i] = float32(low + step*min(max(k, 0), float64(levels-1)))
	}
}

// TestSlowCompression: on sheets of a hundred test pictures, files of compress-fashion's model that
// are not larger than Pillow's JPEG have a higher PSNR, at qualities from 10 to 75. The step is what
// decides how large a file is. With -update it draws docs/images/compression.png.
func TestSlowCompression(t *testing.T) {
	slow(t, "fashion-mnist")
	path := *compressor
	if path == "" {
		path = trained(t, "compress-fashion").Model
	}
	c, err := codec.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/jpeg_peer.json")
	if err != nil {
		t.Fatal(err)
	}
	var peer struct{ Qualities map[int][][2]float64 }
	if err := json.Unmarshal(text, &peer); err != nil {
		t.Fatal(err)
	}
	_, test, err := dataset.Load("fashion-mnist", "")
	if err != nil {
		t.Fatal(err)
	}
	jpeg, ours := plot.Series{Name: "JPEG (Pillow)", Dashed: true}, plot.Series{Name: "compress-fashion"}
	for _, quality := range slices.Sorted(maps.Keys(peer.Qualities)) {
		var bytes, psnr [2]float64
		sheets := peer.Qualities[quality]
		for i, want := range sheets {
			packed := withinBytes(t, c, sheetOf(t, test, i), int(want[0]))
			bytes[0] += want[0] / float64(len(sheets))
			psnr[0] += want[1] / float64(len(sheets))
			bytes[1] += float64(len(packed.File)) / float64(len(sheets))
			psnr[1] += metrics.PSNR(packed.Picture.ToTensor().Data, packed.Prepared.ToTensor().Data) / float64(len(sheets))
		}
		t.Logf("quality %d: JPEG %.0f bytes, %.2f dB; ours %.0f bytes, %.2f dB", quality, bytes[0], psnr[0], bytes[1], psnr[1])
		if quality >= 10 && quality <= 75 && !(psnr[1] > psnr[0]) {
			t.Errorf("quality %d: JPEG %.2f dB, ours %.2f dB", quality, psnr[0], psnr[1])
		}
		const pixels = 280 * 280
		jpeg.X, jpeg.Y = append(jpeg.X, 8*bytes[0]/pixels), append(jpeg.Y, psnr[0])
		ours.X, ours.Y = append(ours.X, 8*bytes[1]/pixels), append(ours.Y, psnr[1])
	}
	if *update {
		img, err := plot.Curves(plot.Chart{Title: "sheets of Fashion-MNIST", XLabel: "bits a pixel", YLabel: "PSNR in dB", Series: []plot.Series{ours, jpeg}})
		if err != nil {
			t.Fatal(err)
		}
		if err := save(img, "../docs/images/compression.png"); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	compressor      = flag.String("compressor", "", "a model of compress-fashion, to save training one")
	vectorQuantiser = flag.String("vector-quantiser", "", "a model of vqvae-fashion, to save training one")
	update          = flag.Bool("update", false, "draw docs/images/compression.png anew")
)

// sheetOf is test pictures 100*i to 100*i+99 in rows of ten.
func sheetOf(t *testing.T, m *dataset.Images, i int) *imageio.Picture {
	t.Helper()
	p := imageio.New(10*m.W, 10*m.H, 1, 8)
	for k := range 100 {
		for y := range m.H {
			from := m.Pix[((100*i+k)*m.H+y)*m.W:][:m.W]
			copy(p.Pix[(k/10*m.H+y)*p.Width+k%10*m.W:], from)
		}
	}
	return p
}

// withinBytes compresses by the smallest step, of those that halving finds, whose file is not larger.
func withinBytes(t *testing.T, c *codec.Codec, p *imageio.Picture, most int) *codec.Compressed {
	t.Helper()
	low, high := math.Log(1./16), math.Log(64) // of the step's logarithm
	var best *codec.Compressed
	for range 12 {
		mid := (low + high) / 2
		packed, err := c.Compress(t.Context(), p, codec.Options{Step: math.Exp(mid)})
		if err != nil {
			t.Fatal(err)
		}
		if len(packed.File) <= most {
			best, high = packed, mid
		} else {
			low = mid
		}
	}
	if best == nil {
		t.Fatalf("no step makes a file of %d bytes", most)
	}
	return best
}

// TestSlowVAE: the variational autoencoder's test ELBO is within 1 % of that of Keras's example,
// see testdata/vae_peer.py.
func TestSlowVAE(t *testing.T) {
	slow(t, "mnist")
	text, err := os.ReadFile("testdata/vae_peer.json")
	if err != nil {
		t.Fatal(err)
	}
	var seeds map[string]struct{ ELBO float64 }
	if err := json.Unmarshal(text, &seeds); err != nil {
		t.Fatal(err)
	}
	keras := seeds["seed 1"].ELBO
	if got := trained(t, "vae-mnist").Metrics[train.ELBO]; !(got <= 1.01*keras) {
		t.Errorf("elbo %.2f, Keras's example has %.2f", got, keras)
	}
}

// TestSlowConvAutoencoder: the test BCE of Keras's example, .0622 and then .0839, but for little.
func TestSlowConvAutoencoder(t *testing.T) {
	slow(t, "mnist")
	clean := trained(t, "conv-autoencoder")
	if bce := clean.Metrics["bce"]; !(bce <= .0630) {
		t.Errorf("clean digits: bce %.4f", bce)
	}
	r, err := Load("conv-autoencoder-denoise")
	if err != nil {
		t.Fatal(err)
	}
	out, err := Train(t.Context(), r, TrainOptions{Dir: t.TempDir(), Init: clean.Model})
	if err != nil {
		t.Fatal(err)
	}
	if bce := out.Metrics["bce"]; !(bce <= .0850) {
		t.Errorf("noisy digits: bce %.4f", bce)
	}
}
