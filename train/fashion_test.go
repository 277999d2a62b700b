package train_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/hourglass-go/hourglass/dataset"
	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/optim"
	"github.com/hourglass-go/hourglass/train"
)

// fashionBody is an autoencoder but for its last convolution, one for each way down and
// up again; the networks are those of testdata/fashion_peers.py.
var fashionBody = map[string]func(x *nn.Node, channels int) *nn.Node{
	"strided": func(x *nn.Node, channels int) *nn.Node {
		two := [2]int{2, 2}
		x = nn.Apply(nn.Conv2D{Filters: channels, Kernel: three, Stride: two, Padding: nn.Same, Activation: nn.ReLU}, x)
		return nn.Apply(nn.Conv2DTranspose{Filters: channels, Kernel: three, Stride: two, Padding: nn.Same, Activation: nn.ReLU}, x)
	},
	"unpooling": func(x *nn.Node, channels int) *nn.Node {
		k := [2]int{2, 2}
		picture := fashionConv(x, channels)
		pooled := nn.Named("pool", nn.MaxPool2D{Kernel: k, Mask: true}).ApplyAll(picture)
		return nn.Apply(nn.MaxUnpool2D{Kernel: k}, fashionConv(pooled[0], channels), pooled[1])
	},
	"upsampling": func(x *nn.Node, channels int) *nn.Node {
		x = nn.Apply(nn.MaxPool2D{Kernel: [2]int{2, 2}}, fashionConv(x, channels))
		return nn.Apply(nn.UpSampling2D{}, fashionConv(x, channels))
	},
	"dilated": func(x *nn.Node, channels int) *nn.Node {
		return nn.Apply(nn.Conv2D{Filters: channels, Kernel: three, Dilation: [2]int{2, 2}, Padding: nn.Same, Activation: nn.ReLU},
			fashionConv(x, channels))
	},
}

var three = [2]int{3, 3}

func fashionConv(x *nn.Node, channels int) *nn.Node {
	return nn.Apply(nn.Conv2D{Filters: channels, Kernel: three, Padding: nn.Same, Activation: nn.ReLU}, x)
}

// TestFashionPeers trains each kind of network as its peer did, and wants a test BCE at
// most 1 % above the peer's, in the mean over the peer's seeds.
func TestFashionPeers(t *testing.T) {
	if os.Getenv("HOURGLASS_SLOW") == "" {
		t.Skip("takes minutes: runs where HOURGLASS_SLOW is set")
	}
	pictures, test, err := dataset.Load("fashion-mnist", "")
	if missing := (*dataset.NotFoundError)(nil); errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/fashion_peers.json")
	if err != nil {
		t.Fatal(err)
	}
	var peers struct {
		Epochs, Batch, Channels int
		Kinds                   map[string]struct {
			Peer string
			BCE  []float64
		}
	}
	if err := json.Unmarshal(text, &peers); err != nil {
		t.Fatal(err)
	}
	for kind, body := range fashionBody {
		t.Run(kind, func(t *testing.T) {
			peer, ok := peers.Kinds[kind]
			if !ok {
				t.Fatalf("testdata/fashion_peers.json has no %s", kind)
			}
			ours, theirs := 0.0, 0.0
			for i, bce := range peer.BCE {
				x := nn.Input("picture", nn.Shape{28, 28, 1})
				last := nn.Conv2D{Filters: 1, Kernel: three, Padding: nn.Same, Activation: nn.Sigmoid}
				m, err := nn.NewModel(x, nn.Apply(last, body(x, peers.Channels)))
				if err != nil {
					t.Fatal(err)
				}
				seed := uint64(i + 1)
				m.Init(seed)
				fit(t, &train.Run{
					Model: m, Loss: nn.BinaryCrossEntropy{}, Optimizer: &optim.Adam{LearningRate: 1e-3},
					Train: dataset.Same(pictures), Epochs: peers.Epochs, BatchSize: peers.Batch, Seed: seed,
				})
				got, err := train.Evaluate(context.Background(), m, dataset.Same(test), 500, "bce")
				if err != nil {
					t.Fatal(err)
				}
				ours += got["bce"] / float64(len(peer.BCE))
				theirs += bce / float64(len(peer.BCE))
			}
			t.Logf("BCE %.5f, %s %.5f, ratio %.4f", ours, peer.Peer, theirs, ours/theirs)
			if !(ours <= 1.01*theirs) {
				t.Errorf("BCE %.5f, want at most 1 %% above %.5f of %s", ours, theirs, peer.Peer)
			}
		})
	}
}
