// Quantises random rows, or every class of a latent store: QuantizeRows [STORE]
using Ddoq;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Quantization;

const int rowCount = 1300, dimension = 64;
var random = new CounterRandom(seed: 0, stream: 0);
var rows = new Half[rowCount * dimension];
foreach (ref Half value in rows.AsSpan())
    value = (Half)random.NextGaussian();

var quantizer = new KMeansQuantizer(new QuantizerOptions { CentroidCount = 10, Restarts = 4, Seed = 1 });
quantizer.Fit(rows, dimension);
var weights = new float[10];
PrototypeWeights.Compute(WeightRule.SquareRoot, quantizer.Result.Counts, weights);
Console.WriteLine($"distortion {quantizer.Result.Distortion:F3}, weights {weights.Min():F2} to {weights.Max():F2}");

if (args.Length > 0)
{
    using LatentStore store = LatentStore.Open(args[0]);
    using var engine = new CpuQuantizer();
    engine.Fit(
        store,
        new QuantizerOptions { CentroidCount = 10, Seed = 1 },
        result => Console.WriteLine($"{store.ClassNames[result.ClassIndex]}: distortion {result.Distortion:F3}, {result.CentroidCount} centroids"),
        skipClasses: null,
        NullProgress.Instance,
        CancellationToken.None);
}
