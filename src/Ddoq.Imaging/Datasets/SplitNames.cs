namespace Ddoq.Imaging;

/// <summary>What the parts of a dataset are called.</summary>
internal static class SplitNames
{
    /// <summary>The training part.</summary>
    public const string Train = "train";

    /// <summary>The test part, in the order of preference: <c>val</c> before <c>test</c> because ImageNet's <c>test</c> has no labels.</summary>
    public static IReadOnlyList<string> Test { get; } = ["val", "valid", "validation", "test"];

    private static readonly char[] s_separators = ['-', '_', '.'];

    /// <summary>The part that a shard's name tells, such as <c>imagenet1k-train-0003.tar</c>; null when it tells none.</summary>
    public static string? OfFileName(string fileName) =>
        fileName.Split(s_separators).FirstOrDefault(word => word == Train || Test.Contains(word));
}
