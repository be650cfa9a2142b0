namespace Ddoq.Imaging;

/// <summary>A kind of dataset on disk that <see cref="ImageDatasets.Open"/> can recognise and open.</summary>
internal interface IDatasetFormat
{
    /// <summary>What a folder of this kind holds, for the error message when nothing is recognised.</summary>
    string Layout { get; }

    /// <summary>True when the folder is of this kind, even if it turns out to be broken.</summary>
    bool Recognises(string folder);

    /// <summary>Opens a split of a folder that was recognised.</summary>
    IImageDataset Open(string folder, DatasetSplit split, ImageDatasetOptions options);
}
