using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Onnx.Models;

namespace Ddoq.Pipeline;

/// <summary>The model that is taken when none is named: for Fashion-MNIST, and for nothing else.</summary>
internal static class ShippedModel
{
    /// <summary>Whether all classes are the shipped model's.</summary>
    public static bool Knows(IReadOnlyList<string> classNames) => UnknownTo(Open(), classNames) is null;

    /// <summary>Refuses data of other kinds where no model is named.</summary>
    /// <param name="model">The model that is named; null for the shipped one.</param>
    /// <param name="data">The images.</param>
    /// <exception cref="DdoqException">Other classes, colour, or larger images.</exception>
    public static void RequireFits(string? model, IImageDataset data)
    {
        if (model is not null)
            return;
        ModelFolder shipped = Open();
        RequireKnows(shipped, data.ClassNames, data.Location);
        ImageSize size = FirstReadableSize(data);
        if (Math.Max(size.Width, size.Height) > shipped.ImageSize)
            throw Refusal($"{data.Location} has images of {size}", data.Location);
        if (!data.IsGrey)
            throw Refusal($"{data.Location} has images in colour", data.Location);
    }

    /// <summary>Refuses classes that the shipped model does not know where no model is named.</summary>
    /// <param name="model">The model that is named; null for the shipped one.</param>
    /// <param name="classNames">The classes.</param>
    /// <param name="where">Where they are from.</param>
    /// <exception cref="DdoqException">A class is another.</exception>
    public static void RequireKnows(string? model, IReadOnlyList<string> classNames, string where)
    {
        if (model is null)
            RequireKnows(Open(), classNames, where);
    }

    // Damaged images are encoding's to refuse or to skip.
    private static ImageSize FirstReadableSize(IImageDataset data)
    {
        for (int i = 0; i < data.Count; i++)
        {
            try
            {
                return data.SizeOf(i);
            }
            catch (DamagedImageException)
            {
                // The next one tells.
            }
        }

        return default;
    }

    private static ModelFolder Open() => ModelFolder.Open(ShippedResources.ReferenceModel, ModelUse.None);

    private static void RequireKnows(ModelFolder shipped, IReadOnlyList<string> classNames, string where)
    {
        if (UnknownTo(shipped, classNames) is { } unknown)
            throw Refusal($"{where} has the class '{unknown}'", where);
    }

    private static string? UnknownTo(ModelFolder shipped, IReadOnlyList<string> classNames)
    {
        var known = shipped.ClassNames.Concat(shipped.ClassNames.Select(ClassFolderName.For)).ToHashSet(StringComparer.Ordinal);
        return classNames.FirstOrDefault(name => !known.Contains(name));
    }

    private static DdoqException Refusal(string found, string where) => new(
        $"no model is named, and the one that comes with the program is for Fashion-MNIST alone: {found}",
        $"Name a model of your data with --model (docs/models.md says what it holds and how to make one), or keep real images, which needs none: ddoq select --data-dir {where} --ipc 10 -o coreset");
}
