// The whole way with the packages alone: images, latents, optimal quantisation, images again, a student.
//
//   FromPackages IMAGES MODEL [IMAGES PER CLASS]
using Ddoq;
using Ddoq.Cuda;
using Ddoq.Evaluation.Transport;
using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Models;
using Ddoq.Quantization;
using Ddoq.Training;
using Ddoq.Training.Protocols;

const int trainingImages = 1000, testImages = 500;
int perClass = args.Length > 2 ? int.Parse(args[2]) : 10;
ModelFolder model = ModelFolder.Open(args[1], ModelUse.Encoder | ModelUse.Decoder);
using IImageDataset training = ImageDatasets.Open(args[0], DatasetSplit.Train), testing = ImageDatasets.Open(args[0], DatasetSplit.Test);
Console.WriteLine($"CUDA: {CudaProbe.Run().Driver}");

// Images to latents, a matrix of halves for each class.
(byte[] pixels, int[] labels) = Read(training, trainingImages);
var signed = new float[pixels.Length];
PlanarPixels.ToSigned(pixels, signed);
int dimension = model.LatentShape.Length;
var latents = new float[trainingImages * dimension];
using (VaeEncoder encoder = VaeEncoder.Open(model))
    encoder.EncodeMean(signed, trainingImages, latents);
InMemoryLatents classes = InMemoryLatents.FromRows(model.LatentShape, training.ClassNames, latents, labels);

// K centres of each class, and how near they are.
using var engine = new CpuQuantizer();
var options = new QuantizerOptions { CentroidCount = perClass, Restarts = 4, Seed = 1 };
var prototypes = new ClassQuantization[training.ClassNames.Count];
engine.Fit(classes, options, result => prototypes[result.ClassIndex] = result, skipClasses: null, NullProgress.Instance, CancellationToken.None);
ClassQuantization first = prototypes[0];
float[] rows = [.. labels.Index().Where(image => image.Item == 0).SelectMany(image => latents.Skip(image.Index * dimension).Take(dimension))];
double[] masses = [.. first.Counts.Select(count => count / (double)first.RowCount)];
double distance = Wasserstein.SquaredDistance(rows, [], first.Centroids, masses, dimension).Distance;
Console.WriteLine($"{training.ClassNames[0]}: W2 {distance:F2}, root of the distortion {Math.Sqrt(first.Distortion):F2}");

// Centres to images, their weights from the rows of their cells.
int count = prototypes.Sum(one => one.CentroidCount);
var decoded = new float[count * 3 * model.ImageSize * model.ImageSize];
using (VaeDecoder decoder = VaeDecoder.Open(model))
    decoder.Decode([.. prototypes.SelectMany(one => one.Centroids)], count, decoded);
var images = new byte[decoded.Length];
PlanarPixels.FromSigned(decoded, images);
var weights = new float[count];
int[] owners = [.. prototypes.SelectMany(one => Enumerable.Repeat(one.ClassIndex, one.CentroidCount))];
foreach (ClassQuantization one in prototypes)
    PrototypeWeights.Compute(WeightRule.SquareRoot, one.Counts, weights.AsSpan(Array.IndexOf(owners, one.ClassIndex), one.CentroidCount));

// A student that has seen nothing else.
(byte[] testPixels, int[] testLabels) = Read(testing, testImages);
TrainingResult student = StudentTrainer.Train(
    new TrainingImages(images, owners, weights, SoftLabels: null, count, model.ImageSize, model.ImageSize),
    new TrainingImages(testPixels, testLabels, Weights: null, SoftLabels: null, testImages, model.ImageSize, model.ImageSize),
    prototypes.Length,
    new StudentOptions { Protocol = StudentProtocol.SmallImage, NetworkWidth = 16, Updates = 60, BatchSize = 50, Seed = 1 },
    teacher: null,
    checkpointFolder: null,
    NullProgress.Instance);
Console.WriteLine($"{count} images, {student.Updates} updates: test accuracy {100 * student.LastAccuracy:F1} %");
return student.LastAccuracy > 0.3 && Math.Abs(distance - Math.Sqrt(first.Distortion)) < 1e-2 * distance ? 0 : 1;

(byte[] Pixels, int[] Labels) Read(IImageDataset data, int images)
{
    var fit = new ImageFit(model.ImageSize, model.ImageSize, FitMode.Pad, PadValue: (byte)model.PadValue);
    int length = 3 * model.ImageSize * model.ImageSize;
    var planar = new byte[images * length];
    Parallel.For(0, images, i => data.ReadRgb(i * (data.Count / images), fit, planar.AsSpan(i * length, length)));
    return (planar, [.. Enumerable.Range(0, images).Select(i => data.LabelOf(i * (data.Count / images)))]);
}
