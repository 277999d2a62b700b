package embedding_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hourglass-go/hourglass/embedding"
	"github.com/hourglass-go/hourglass/tensor"
)

// A map of codes, and how well classes and clusters agree.
func Example() {
	ctx := context.Background()
	codes, labels := tensor.New(120, 3), make([]int32, 120)
	for i := range labels {
		labels[i] = int32(i % 3)
		codes.Data[3*i+i%3] = 10                     // the class
		codes.Data[3*i+(i+1)%3] = float32(i/3) / 100 // a little of something else
	}
	plane, err := embedding.TSNE(ctx, codes, embedding.TSNEOptions{Perplexity: 10, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	accuracy, err := embedding.NearestNeighbourAccuracy(ctx, plane.Map, labels, 5)
	if err != nil {
		log.Fatal(err)
	}
	clusters, err := embedding.KMeans(ctx, codes, embedding.KMeansOptions{Clusters: 3})
	if err != nil {
		log.Fatal(err)
	}
	nmi, err := embedding.NMI(labels, clusters.Labels)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(plane.Map.Shape, accuracy, nmi)
	// Output: [120 2] 1 1
}
