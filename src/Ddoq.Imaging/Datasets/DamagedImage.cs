namespace Ddoq.Imaging;

/// <summary>An image that was left out because it cannot be decoded.</summary>
/// <param name="Index">Its index in the dataset.</param>
/// <param name="Name">Its name, as <see cref="IImageDataset.NameOf"/> gives it.</param>
/// <param name="Reason">What is wrong with it.</param>
public readonly record struct DamagedImage(int Index, string Name, string Reason);
