// Command _gen writes the amd64 assembly of package kernels.
//
// It is run by go generate in the package's folder, once per set of kernels:
//
//	go run -C _gen . -set gemm -pkg kernels -out ../gemm_amd64.s -stubs ../gemm_amd64.go
package main

import (
	"flag"
	"log"
	"os"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

func main() {
	// avo has put flags of its own into flag.CommandLine.
	fs := flag.NewFlagSet("_gen", flag.ExitOnError)
	set := fs.String("set", "", "the kernels to generate: gemm, columns, direct, outer, vector, winograd or bfloat16")
	flags := build.NewFlags(fs)
	if err := fs.Parse(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
	ctx := build.NewContext()
	ctx.ConstraintExpr("!noasm")
	constants := map[string]operand.Mem{}
	for _, v := range variants {
		g := &generator{Context: ctx, variant: v, constants: constants}
		switch *set {
		case "gemm":
			for mr := 1; mr <= v.rows; mr++ {
				tile(g, mr)
			}
			peak(g)
		case "direct":
			directTiles(g)
		case "outer":
			for mr := 1; mr <= v.rows; mr++ {
				outerTile(g, mr)
			}
		case "columns":
			columns(g)
			pools(g)
		case "vector":
			elementwise(g)
			activations(g)
			reductions(g)
			optimizers(g)
			fromBytes(g)
			columnSums(g)
			copyPanel(g)
			copyStrip(g)
			nonzeroColumns(g)
			nonzeroRows(g)
			transpose(g)
		case "winograd":
			winograd(g)
		case "bfloat16":
			bfloat16(g)
		default:
			log.Fatalf("-set %q: want gemm, columns, direct, outer, vector, winograd or bfloat16", *set)
		}
	}
	os.Exit(build.Main(flags.Config(), ctx))
}
