using System.Text.Json;
using Ddoq.Numerics;

namespace Ddoq.Onnx.Tests.OnnxFiles;

/// <summary>A byte-pair vocabulary in the form of CLIP's: byte symbols, the same at the end of a word, merges, two marks.</summary>
internal sealed class TinyVocabulary
{
    private readonly Dictionary<string, int> _tokens = [];
    private readonly Dictionary<(string Left, string Right), int> _ranks = [];

    public TinyVocabulary()
    {
        foreach (string end in (string[])["", "</w>"])
            for (int value = 0; value < 256; value++)
                _tokens.Add(Symbol((byte)value) + end, _tokens.Count);

        // Random merges of what is already there, as training on some text would leave them.
        var random = new CounterRandom(7, 1);
        List<string> parts = [.. "abcde1,é".SelectMany(c => System.Text.Encoding.UTF8.GetBytes([c])).Distinct().Select(Symbol)];
        List<string> ends = [.. parts.Select(p => p + "</w>")];
        while (_ranks.Count < 60)
        {
            string left = parts[random.NextInt32(parts.Count)];
            bool closes = random.NextInt32(2) == 0;
            string right = closes ? ends[random.NextInt32(ends.Count)] : parts[random.NextInt32(parts.Count)];
            if (!_tokens.TryAdd(left + right, _tokens.Count))
                continue;
            _ranks.Add((left, right), _ranks.Count);
            (closes ? ends : parts).Add(left + right);
        }

        Start = _tokens["<|startoftext|>"] = _tokens.Count;
        End = _tokens["<|endoftext|>"] = _tokens.Count;
    }

    public int Start { get; }

    public int End { get; }

    public int Count => _tokens.Count;

    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "vocab.json"), JsonSerializer.Serialize(_tokens));
        File.WriteAllLines(Path.Combine(folder, "merges.txt"), ["#version: 0.2", .. _ranks.OrderBy(r => r.Value).Select(r => $"{r.Key.Left} {r.Key.Right}")]);
    }

    /// <summary>One word's tokens by the definition: merge the best-ranked pair wherever it stands, until none is left.</summary>
    public IEnumerable<int> Encode(string word)
    {
        List<string> symbols = [.. System.Text.Encoding.UTF8.GetBytes(word).Select(Symbol)];
        symbols[^1] += "</w>";
        while (true)
        {
            (string Left, string Right)? best = null;
            for (int i = 0; i + 1 < symbols.Count; i++)
            {
                if (_ranks.TryGetValue((symbols[i], symbols[i + 1]), out int rank) && (best is null || rank < _ranks[best.Value]))
                    best = (symbols[i], symbols[i + 1]);
            }

            if (best is null)
                return symbols.Select(s => _tokens[s]);
            for (int i = 0; i + 1 < symbols.Count; i++)
            {
                if ((symbols[i], symbols[i + 1]) == best)
                {
                    symbols[i] += symbols[i + 1];
                    symbols.RemoveAt(i + 1);
                }
            }
        }
    }

    // Printable bytes stand for themselves, the others for the characters from 256 on.
    private static string Symbol(byte value)
    {
        static bool IsPrintable(int b) => b is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255);
        return IsPrintable(value) ? ((char)value).ToString() : ((char)(256 + Enumerable.Range(0, value).Count(b => !IsPrintable(b)))).ToString();
    }
}
