package recipes

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/modelfile"
	"github.com/hourglass-go/hourglass/models"
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
	book := trained(t, "vqvae-fashion").Metrics["mse"]
	const bits = 49 * 9
	for _, hidden := range []string{"[128, 64]", "[512, 256]"} {
		for _, each := range []int{4, 5, 6, 7, 8, 9} {
			numbers := (bits + each - 1) / each
			out := trained(t, "mnist-autoencoder", "data=fashion-mnist", "loss=l2", "epochs=30",
				"metrics=[mse]", "model.hidden="+hidden, fmt.Sprint("model.code=", numbers))
			dense := quantisedError(t, out.Model, 1<<each)
			t.Logf("hidden %s, %d numbers of %d bits: mse %.5f; VQ-VAE %.5f", hidden, numbers, each, dense, book)
			if !(book < dense) {
				t.Errorf("hidden %s, %d numbers of %d bits: mse %.5f, VQ-VAE %.5f", hidden, numbers, each, dense, book)
			}
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
