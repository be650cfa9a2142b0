namespace Ddoq.Imaging;

/// <summary>ImageNet's class names: <c>n</c> and the eight digits of a WordNet synset.</summary>
internal static class WordNetId
{
    /// <summary>True for a name such as <c>n01440764</c>.</summary>
    public static bool Is(string name) => name.Length == 9 && name[0] == 'n' && !name.AsSpan(1).ContainsAnyExceptInRange('0', '9');
}
