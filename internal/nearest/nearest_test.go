package nearest

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	known := []string{"mnist-autoencoder", "mnist-denoise", "epochs", "batch", "l1", "l2"}
	for name, want := range map[string]string{
		"mnist-denoize":   "mnist-denoise",
		"mnist-autoencod": "mnist-autoencoder",
		"epoch":           "epochs",
		"EPOCHS":          "epochs",
		"bacth":           "batch",
		"l3":              "l1",
		"":                "",
		"convolution":     "",
	} {
		if got := Name(name, known); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"bacth", "batch", 1}, {"abcd", "badc", 2},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestHint(t *testing.T) {
	known := []string{"adam", "sgd"}
	if got := Hint("adma", known); got != `, did you mean "adam"? (known: adam, sgd)` {
		t.Error(got)
	}
	if got := Hint("newton", known); !strings.HasPrefix(got, "; known are adam, sgd") {
		t.Error(got)
	}
}
