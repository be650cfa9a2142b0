using Ddoq.Numerics;

namespace Ddoq.Training.Augmentation;

/// <summary>Realistic crops pasted together: RDED's distilled set, rebuilt as a control.</summary>
/// <remarks>
/// Per class: images are drawn, every one gives some square crops, the teacher's cross-entropy on the class scores each crop at
/// the images' full size, an image's best crop stands for it, and of these the best 4 K fill K images of 2 x 2 halves. Same
/// seed and teacher: the same bytes. Source: Sun et al., "On the diversity and realism of distilled dataset" (2024).
/// </remarks>
public static class CropMosaic
{
    private const int Tiles = 4;
    private const int TeacherBatch = 100;

    /// <summary>Makes the images of one class.</summary>
    /// <param name="images">Real images; only those of the class are used.</param>
    /// <param name="classCount">C, the teacher's number of logits.</param>
    /// <param name="classIndex">The class.</param>
    /// <param name="options">How many images, and how they are drawn.</param>
    /// <param name="teacher">Scores the crops.</param>
    /// <param name="cancellation">Looked at between the teacher's batches.</param>
    /// <returns>K images, the one with the best crops first.</returns>
    /// <exception cref="DdoqException">The class has too few images, they are smaller than 2 x 2, or a logit is not finite.</exception>
    /// <exception cref="UsageException">An option is out of range.</exception>
    public static IReadOnlyList<Mosaic> Make(
        TrainingImages images, int classCount, int classIndex, MosaicOptions options, TeacherFunction teacher, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(teacher);
        options.Validate();
        images.Validate("real", classCount);
        int[] rows = Pool(images, classIndex, options);
        int needed = checked(Tiles * options.ImagesPerClass);
        if ((long)rows.Length * options.CropsPerImage < needed || images.Height < 2 || images.Width < 2)
        {
            throw new DdoqException(
                $"class {classIndex}: {rows.Length} images of {images.Height}x{images.Width} pixels with {options.CropsPerImage} crops each do not make {needed} crops for {options.ImagesPerClass} images",
                "Ask for fewer images per class, or for more crops per image.");
        }

        MosaicPart[] crops = [.. rows.SelectMany(row => Crops(images, classIndex, row, options))];
        Score(images, crops, classCount, classIndex, teacher, cancellation);
        MosaicPart[] chosen = [.. Ranked(crops).Take(needed)];
        return [.. chosen.Chunk(Tiles).Select(parts => new Mosaic(Paste(images, parts), parts))];
    }

    /// <summary>The images of a class that are drawn, by their place among the class's: at most a pool.</summary>
    /// <remarks>A caller that does not hold all images reads these alone, in rising order, and gives them to <see cref="Make"/>.</remarks>
    /// <param name="count">Images of the class.</param>
    /// <param name="classIndex">The class.</param>
    /// <param name="options">Pool and seed.</param>
    /// <returns>Distinct places, rising.</returns>
    public static int[] DrawPool(int count, int classIndex, MosaicOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        int[] places = [.. Enumerable.Range(0, count)];
        var random = new CounterRandom(options.Seed, RandomStreams.MosaicPool(classIndex));
        random.Shuffle(places.AsSpan());
        return [.. places.Take(options.PoolSize).Order()];
    }

    private static int[] Pool(TrainingImages images, int classIndex, MosaicOptions options)
    {
        int[] rows = [.. Enumerable.Range(0, images.Count).Where(row => images.Labels[row] == classIndex)];
        return rows.Length <= options.PoolSize ? rows : [.. DrawPool(rows.Length, classIndex, options).Select(place => rows[place])];
    }

    private static MosaicPart[] Crops(TrainingImages images, int classIndex, int row, MosaicOptions options)
    {
        var random = new CounterRandom(options.Seed, RandomStreams.MosaicCrops(classIndex, row));
        var crops = new MosaicPart[options.CropsPerImage];
        int longest = Math.Min(images.Height, images.Width);
        for (int c = 0; c < crops.Length; c++)
        {
            double area = options.LeastArea + ((1 - options.LeastArea) * random.NextDouble());
            int side = Math.Clamp((int)Math.Round(Math.Sqrt(area) * longest), 1, longest);
            crops[c] = new MosaicPart(row, random.NextInt32(images.Height - side + 1), random.NextInt32(images.Width - side + 1), side, 0);
        }

        return crops;
    }

    private static void Score(
        TrainingImages images, MosaicPart[] crops, int classCount, int classIndex, TeacherFunction teacher, CancellationToken cancellation)
    {
        var input = new float[TeacherBatch * images.ImageLength];
        var logits = new float[TeacherBatch * classCount];
        for (int first = 0; first < crops.Length; first += TeacherBatch)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(TeacherBatch, crops.Length - first);
            for (int i = 0; i < count; i++)
                Resize(images, crops[first + i], images.Height, images.Width, input.AsSpan(i * images.ImageLength, images.ImageLength));
            teacher(input.AsSpan(0, count * images.ImageLength), count, logits.AsSpan(0, count * classCount));
            for (int i = 0; i < count; i++)
            {
                double loss = CrossEntropy(logits.AsSpan(i * classCount, classCount), classIndex);
                if (!double.IsFinite(loss))
                    throw new DdoqException($"the teacher's loss on a crop of row {crops[first + i].Row} is {loss}", "Check the teacher model and its input range.");
                crops[first + i] = crops[first + i] with { Loss = loss };
            }
        }
    }

    private static double CrossEntropy(ReadOnlySpan<float> logits, int classIndex)
    {
        double largest = double.NegativeInfinity, sum = 0;
        foreach (float logit in logits)
            largest = Math.Max(largest, logit);
        foreach (float logit in logits)
            sum += Math.Exp(logit - largest);
        return Math.Log(sum) + largest - logits[classIndex];
    }

    /// <summary>The images' best crops by loss, then their second best, and so on; ties to the earlier row.</summary>
    private static IEnumerable<MosaicPart> Ranked(MosaicPart[] crops) => crops
        .GroupBy(crop => crop.Row)
        .SelectMany(image => image.OrderBy(crop => crop.Loss).Select((crop, rank) => (Crop: crop, Rank: rank)))
        .OrderBy(entry => entry.Rank).ThenBy(entry => entry.Crop.Loss).ThenBy(entry => entry.Crop.Row)
        .Select(entry => entry.Crop);

    private static byte[] Paste(TrainingImages images, MosaicPart[] parts)
    {
        int height = images.Height, width = images.Width;
        var pixels = new byte[images.ImageLength];
        var tile = new float[images.ImageLength];
        for (int t = 0; t < parts.Length; t++)
        {
            int top = t / 2 * (height / 2), left = t % 2 * (width / 2);
            int rows = t / 2 == 0 ? height / 2 : height - (height / 2), columns = t % 2 == 0 ? width / 2 : width - (width / 2);
            Resize(images, parts[t], rows, columns, tile);
            for (int line = 0; line < 3 * rows; line++)
            {
                (int channel, int y) = Math.DivRem(line, rows);
                Span<byte> target = pixels.AsSpan((((channel * height) + top + y) * width) + left, columns);
                for (int x = 0; x < columns; x++)
                    target[x] = (byte)Math.Clamp((int)MathF.Round(255 * tile[(line * columns) + x]), 0, 255);
            }
        }

        return pixels;
    }

    /// <summary>Resizes a crop, planar, to [0, 1]: bilinear, and over the pixels that a smaller result's pixels cover.</summary>
    internal static void Resize(TrainingImages images, MosaicPart crop, int height, int width, Span<float> destination)
    {
        (int First, float[] Weights)[] down = Taps(crop.Side, height), across = Taps(crop.Side, width);
        var lines = new float[crop.Side * width];
        for (int channel = 0; channel < 3; channel++)
        {
            for (int y = 0; y < crop.Side; y++)
            {
                int start = (crop.Row * images.ImageLength) + ((((channel * images.Height) + crop.Top + y) * images.Width) + crop.Left);
                ReadOnlySpan<byte> source = images.Pixels.AsSpan(start, crop.Side);
                for (int x = 0; x < width; x++)
                {
                    float sum = 0;
                    for (int i = 0; i < across[x].Weights.Length; i++)
                        sum += across[x].Weights[i] * source[across[x].First + i];
                    lines[(y * width) + x] = sum / 255;
                }
            }

            for (int y = 0; y < height; y++)
            {
                for (int x = 0; x < width; x++)
                {
                    float sum = 0;
                    for (int i = 0; i < down[y].Weights.Length; i++)
                        sum += down[y].Weights[i] * lines[((down[y].First + i) * width) + x];
                    destination[(((channel * height) + y) * width) + x] = sum;
                }
            }
        }
    }

    /// <summary>Per result position, the first source position and the weights: a triangle as wide as a result's pixel, at least two.</summary>
    private static (int First, float[] Weights)[] Taps(int from, int to)
    {
        double scale = (double)from / to, reach = Math.Max(1, scale);
        var taps = new (int, float[])[to];
        for (int i = 0; i < to; i++)
        {
            double centre = ((i + 0.5) * scale) - 0.5;
            int first = Math.Max(0, (int)Math.Ceiling(centre - reach)), last = Math.Min(from - 1, (int)Math.Floor(centre + reach));
            double[] weights = [.. Enumerable.Range(first, last - first + 1).Select(j => Math.Max(0, 1 - (Math.Abs(j - centre) / reach)))];
            double sum = weights.Sum();
            taps[i] = (first, [.. weights.Select(weight => (float)(weight / sum))]);
        }

        return taps;
    }
}

/// <summary>How <see cref="CropMosaic"/> draws.</summary>
public sealed record MosaicOptions
{
    /// <summary>Images to make (K).</summary>
    public required int ImagesPerClass { get; init; }

    /// <summary>Real images drawn per class, at most.</summary>
    public int PoolSize { get; init; } = 300;

    /// <summary>Crops per real image.</summary>
    public int CropsPerImage { get; init; } = 5;

    /// <summary>Least share of the shorter side squared that a crop covers; shares are uniform from here to 1.</summary>
    public double LeastArea { get; init; } = 0.08;

    /// <summary>Decides images and crops.</summary>
    public ulong Seed { get; init; }

    internal void Validate()
    {
        if (ImagesPerClass < 1 || PoolSize < 1 || CropsPerImage < 1 || !(LeastArea is > 0 and <= 1))
        {
            throw new UsageException(FormattableString.Invariant(
                $"{ImagesPerClass} images of {PoolSize} real ones with {CropsPerImage} crops each from a share of {LeastArea} on: counts are at least 1, the share is above 0 and at most 1"));
        }
    }
}

/// <summary>One image of 2 x 2 crops.</summary>
/// <param name="Pixels">[3, H, W] planar RGB, 8 bits.</param>
/// <param name="Parts">Upper left, upper right, lower left, lower right.</param>
public sealed record Mosaic(byte[] Pixels, IReadOnlyList<MosaicPart> Parts);

/// <summary>A square crop of a real image.</summary>
/// <param name="Row">Row of the image.</param>
/// <param name="Top">First line.</param>
/// <param name="Left">First column.</param>
/// <param name="Side">Its height and width in pixels.</param>
/// <param name="Loss">The teacher's cross-entropy on the image's class.</param>
public readonly record struct MosaicPart(int Row, int Top, int Left, int Side, double Loss);
