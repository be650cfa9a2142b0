using System.Globalization;
using System.Text.RegularExpressions;
using Ddoq.Cuda.Tests.Emulation;

namespace Ddoq.Cuda.Tests.Kernels;

/// <summary>What the headers of the kernels declare: sizes and offsets of parameters, constants, launch shapes.</summary>
internal static partial class KernelHeaders
{
    private static readonly string s_text = string.Join('\n', Directory.GetFiles(EmulatedDriver.Metadata("DdoqKernelSources"), "*.cuh").Select(File.ReadAllText));

    /// <summary>Asserted sizes of structs.</summary>
    public static Dictionary<string, int> Sizes => SizePattern().Matches(s_text).ToDictionary(one => one.Groups[1].Value, one => Number(one.Groups[2].Value));

    /// <summary>Asserted offsets of fields.</summary>
    public static IEnumerable<(string Struct, string Field, int Offset)> Offsets =>
        OffsetPattern().Matches(s_text).Select(one => (one.Groups[1].Value, one.Groups[2].Value, Number(one.Groups[3].Value)));

    /// <summary>Fields of a struct in their order, in the case of C#.</summary>
    public static string[] Fields(string name)
    {
        Match body = Regex.Match(s_text, $@"struct {name} \{{(.*?)\n\}};", RegexOptions.Singleline);
        return [.. FieldPattern().Matches(body.Groups[1].Value).Select(one => string.Concat(one.Groups[1].Value.Split('_').Select(word => char.ToUpperInvariant(word[0]) + word[1..])))];
    }

    /// <summary>A shape's numbers.</summary>
    public static int[] Shape(string name) =>
        [.. Regex.Match(s_text, $@"constexpr TileShape {name}\{{([0-9, ]+)\}}").Groups[1].Value.Split(',').Select(Number)];

    /// <summary>A constant that is written as a number.</summary>
    public static int Constant(string name) => Number(Regex.Match(s_text, $@"constexpr int {name} =\s*([0-9]+);").Groups[1].Value);

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"sizeof\((\w+)\) == ([0-9]+)")]
    private static partial Regex SizePattern();

    [GeneratedRegex(@"offsetof\((\w+), (\w+)\) == ([0-9]+)")]
    private static partial Regex OffsetPattern();

    [GeneratedRegex(@"^\s+[\w:]+(?: [\w:]+)*\*?\s+(\w+);", RegexOptions.Multiline)]
    private static partial Regex FieldPattern();
}
