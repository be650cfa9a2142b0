namespace Ddoq.Imaging;

/// <summary>Which part of a dataset to open.</summary>
public enum DatasetSplit
{
    /// <summary>The training images: <c>train/</c>, <c>train-*</c> IDX files, or class folders that are not split.</summary>
    Train,

    /// <summary>The test images: the first of <c>val/</c>, <c>valid/</c>, <c>validation/</c>, <c>test/</c>, or <c>t10k-*</c> IDX files.</summary>
    Test,

    /// <summary>The class folders in the folder itself, whatever they are for.</summary>
    Unsplit,
}
