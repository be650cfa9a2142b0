using Ddoq.Imaging;
using Ddoq.Onnx.Models;

namespace Ddoq.Pipeline.Stages;

/// <summary>Which images a stage reads, and how they become images of a model's size.</summary>
public sealed record ImageOptions
{
    /// <summary>The images' folder; null takes the embedded sample.</summary>
    public string? Folder { get; init; }

    /// <summary>Folder of the test images; null takes the test part of <see cref="Location"/>.</summary>
    public string? TestFolder { get; init; }

    /// <summary>The classes to take; null takes all.</summary>
    public ClassSubset? Classes { get; init; }

    /// <summary>How images are fitted; null leaves it to the model.</summary>
    public FitMode? Fit { get; init; }

    /// <summary>Damaged images skipped before the stage fails.</summary>
    public int MaxDamaged { get; init; }

    /// <summary>Where the images are.</summary>
    public string Location => Folder ?? ShippedResources.SampleData;

    /// <summary>Opens the training images.</summary>
    /// <exception cref="DdoqException">They are not usable, or lack a class that is asked for.</exception>
    internal IImageDataset OpenTraining(CancellationToken cancellation) =>
        ImageDatasets.Open(Location, DatasetSplit.Train, new ImageDatasetOptions { Classes = Classes, Cancellation = cancellation });

    /// <summary>Opens the test images, labelled as a list of classes.</summary>
    /// <exception cref="DdoqException">They are not usable, or have other classes.</exception>
    internal IImageDataset OpenTest(IReadOnlyList<string> classNames, CancellationToken cancellation)
    {
        var options = new ImageDatasetOptions { Classes = Classes, ClassNames = classNames, Cancellation = cancellation };
        if (TestFolder is null)
        {
            try
            {
                return ImageDatasets.Open(Location, DatasetSplit.Test, options);
            }
            catch (UsageException e)
            {
                throw new UsageException(e.Message, $"Students are measured on test images; where they lie elsewhere, give --test-dir. {e.Hint}", e);
            }
            catch (DdoqException e) when (Folder is null)
            {
                throw new DdoqException($"without --data-dir, the embedded sample gives the test images: {e.Message}", "Give --data-dir with the data that the distilled set is of.", e);
            }
        }

        try
        {
            return ImageDatasets.Open(TestFolder, DatasetSplit.Test, options);
        }
        catch (UsageException) when (Directory.Exists(TestFolder))
        {
            // No part of a dataset, so all of it is meant.
            return ImageDatasets.Open(TestFolder, DatasetSplit.Unsplit, options);
        }
    }

    /// <summary>The fit to squares without a model: what was asked for, or the centre.</summary>
    internal ImageFit FitFor(int side) => new(side, side, Fit ?? FitMode.CropCentre);

    /// <summary>The fit that was asked for, or the model's.</summary>
    internal ImageFit FitFor(ModelFolder model) => new(
        model.ImageSize,
        model.ImageSize,
        Fit ?? model.Fit switch
        {
            ModelFit.Pad => FitMode.Pad,
            ModelFit.Crop => FitMode.CropCentre,
            _ => FitMode.Resize,
        },
        PadValue: (byte)model.PadValue);
}
