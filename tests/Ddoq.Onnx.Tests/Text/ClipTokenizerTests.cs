using Ddoq.Numerics;
using Ddoq.Onnx.Tests.OnnxFiles;
using Ddoq.Onnx.Text;

namespace Ddoq.Onnx.Tests.Text;

public class ClipTokenizerTests
{
    private readonly TinyVocabulary _vocabulary = new();
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Save()
    {
        _folder = new TemporaryFolder();
        _vocabulary.Save(_folder.Path);
    }

    [TearDown]
    public void Delete() => _folder.Dispose();

    [Test]
    public void Encode_OfRandomWords_MatchesTheDefinition()
    {
        ClipTokenizer tokenizer = ClipTokenizer.Open(_folder.Path);
        var random = new CounterRandom(3, 3);
        for (int round = 0; round < 200; round++)
        {
            var words = new List<string>();
            for (int count = random.NextInt32(6); count >= 0; count--)
                words.Add(string.Concat(Enumerable.Range(0, 1 + random.NextInt32(9)).Select(_ => "aabcdeézÀ"[random.NextInt32(9)])));
            AssertTokens(tokenizer, string.Join(' ', words), words.SelectMany(w => _vocabulary.Encode(w.ToLowerInvariant())));
        }
    }

    // Letters, single digits, runs of signs, and the English endings are words of their own.
    [TestCase("ab12c", "ab", "1", "2", "c")]
    [TestCase("a,,b!?", "a", ",,", "b", "!?")]
    [TestCase("bad's a'd x_y", "bad", "'s", "a", "'d", "x", "_", "y")]
    [TestCase("  A\t\nBéE  ", "a", "bée")]
    [TestCase("日本 語", "日本", "語")]
    [TestCase("")]
    public void Encode_SplitsWordsAsClipDoes(string text, params string[] words) =>
        AssertTokens(ClipTokenizer.Open(_folder.Path), text, words.SelectMany(_vocabulary.Encode));

    [Test]
    public void Encode_OfALongText_CutsItBeforeTheEnd()
    {
        ClipTokenizer tokenizer = ClipTokenizer.Open(_folder.Path);
        var tokens = new int[77];
        Assert.That(tokenizer.Encode(string.Concat(Enumerable.Repeat("9", 75)), tokens), "75 tokens fit");
        Assert.That(tokenizer.Encode(string.Concat(Enumerable.Repeat("9", 76)), tokens), Is.False);
        Assert.That((tokens[0], tokens[76]), Is.EqualTo((_vocabulary.Start, _vocabulary.End)));
        Assert.That(tokens[1..76], Has.All.EqualTo(_vocabulary.Encode("9").Single()));
    }

    [TestCase("tokenizer_config.json", """{"pad_token": "!", "model_max_length": 16}""", 16)]
    [TestCase("special_tokens_map.json", """{"pad_token": {"content": "!", "lstrip": false}}""", 77)]
    public void Open_ReadsPaddingAndLength(string file, string json, int length)
    {
        _folder.Write(file, json);
        ClipTokenizer tokenizer = ClipTokenizer.Open(_folder.Path);
        var tokens = new int[length];
        tokenizer.Encode("a", tokens);
        Assert.That(tokens[..3], Is.EqualTo(new[] { _vocabulary.Start, _vocabulary.Encode("a").Single(), _vocabulary.End }));
        Assert.That(tokens[3..], Has.All.EqualTo('!' - 0), "byte symbols are numbered by their byte here");
    }

    [TestCase("vocab.json", null, "vocab.json is missing")]
    [TestCase("merges.txt", null, "merges.txt is missing")]
    [TestCase("vocab.json", "{", "not valid JSON")]
    [TestCase("vocab.json", """{"a": 0, "<|endoftext|>": 1}""", "")]
    public void Open_OfADamagedFolder_SaysWhatIsWrong(string file, string? content, string expected)
    {
        if (content is null)
            File.Delete(_folder.File(file));
        else
            _folder.Write(file, content);
        Assert.That(() => ClipTokenizer.Open(_folder.Path), Throws.InstanceOf<DdoqException>().With.Message.Contains(expected));
    }

    private void AssertTokens(ClipTokenizer tokenizer, string text, IEnumerable<int> words)
    {
        var tokens = new int[tokenizer.Length];
        Assert.That(tokenizer.Encode(text, tokens), text);
        int[] expected = [_vocabulary.Start, .. words, _vocabulary.End];
        Assert.That(tokens[..expected.Length], Is.EqualTo(expected), text);
        Assert.That(tokens[expected.Length..], Has.All.EqualTo(_vocabulary.End), "padding");
    }
}
