using System.Globalization;
using Ddoq.Latents;

namespace Ddoq.Pipeline;

/// <summary>One of several shares of the classes, so that several processes divide a run between them.</summary>
/// <remarks>
/// Classes are dealt by falling size, back and forth, so the shares differ little in work. Which class is in which share
/// follows from the store alone: processes need not talk to each other.
/// </remarks>
/// <param name="Number">Which share, from 1.</param>
/// <param name="Count">Number of shares.</param>
public readonly record struct ClassShare(int Number, int Count)
{
    /// <summary>All classes.</summary>
    public static ClassShare All { get; } = new(1, 1);

    /// <summary>Whether there are other shares.</summary>
    public bool IsPartial => Count > 1;

    /// <summary>Reads <c>I/N</c>.</summary>
    /// <param name="text">For example <c>2/8</c>.</param>
    /// <exception cref="UsageException">It is not two whole numbers with 1 at least and I not above N.</exception>
    public static ClassShare Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split('/');
        if (parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && number >= 1
            && number <= count)
        {
            return new ClassShare(number, count);
        }

        throw new UsageException($"--shard: '{text}' is not allowed; allowed: I/N with I from 1 to N", "Give --shard 1/4, 2/4, 3/4 and 4/4 to four processes.");
    }

    /// <summary>The classes of this share.</summary>
    public IReadOnlySet<int> Of(ILatentSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        int[] falling = [.. Enumerable.Range(0, source.ClassNames.Count).OrderByDescending(source.RowCount).ThenBy(c => c)];
        var share = new HashSet<int>();
        for (int place = 0; place < falling.Length; place++)
        {
            (int round, int turn) = Math.DivRem(place, Count);
            if ((round % 2 == 0 ? turn : Count - 1 - turn) == Number - 1)
                share.Add(falling[place]);
        }

        return share;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number}/{Count}");
}
