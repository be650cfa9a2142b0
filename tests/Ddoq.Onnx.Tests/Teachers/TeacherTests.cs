using Ddoq.Numerics;
using Ddoq.Onnx.Teachers;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Teachers;

public class TeacherTests
{
    [Test]
    public void Logits_NormaliseTheImages([Values(0, 1, 3, 33)] int count, [Values(1, 2)] int threads)
    {
        using var model = new TinyModel();
        using Teacher teacher = Teacher.Open(model.File("teacher"), new() { Threads = threads });
        var images = new float[count * TinyModel.Pixels];
        var random = new CounterRandom(1, 1);
        for (int i = 0; i < images.Length; i++)
            images[i] = (float)random.NextDouble();
        var logits = new float[count * 3];
        teacher.Logits(images, count, logits);
        double[] mean = [0.5, 0.25, 0.125], deviation = [0.5, 0.25, 2];
        for (int row = 0; row < count; row++)
        {
            double sum = 0;
            for (int i = 0; i < TinyModel.Pixels; i++)
                sum += (images[(row * TinyModel.Pixels) + i] - mean[i / 16]) / deviation[i / 16] / TinyModel.Pixels;
            for (int c = 0; c < 3; c++)
                Assert.That(logits[(row * 3) + c], Is.EqualTo(((c + 1) * sum) - c).Within(1e-5));
        }
    }

    [Test]
    public void Logits_FromManyThreadsAtOnce_AreTheSame()
    {
        using var model = new TinyModel();
        using Teacher teacher = Teacher.Open(model.File("teacher"), new() { Threads = 2 });
        float[] images = [.. Enumerable.Range(0, 40 * TinyModel.Pixels).Select(i => i % 17 / 17f)], expected = new float[120];
        teacher.Logits(images, 40, expected);
        Parallel.For(0, 16, _ =>
        {
            var logits = new float[120];
            teacher.Logits(images, 40, logits);
            Assert.That(logits, Is.EqualTo(expected));
        });
    }

    [TestCase("""{"size": 4}""", 4)]
    [TestCase("""{"size": {"shortest_edge": 9}, "crop_size": {"height": 4, "width": 4}}""", 4)]
    [TestCase("""{"size": {"height": 4, "width": 4}}""", 4)]
    public void ImageSize_ComesFromTheFileOrTheConfiguration(string preprocessor, int expected)
    {
        using var model = new TinyModel();
        model.Write("teacher/preprocessor_config.json", preprocessor);
        new OnnxGraph()
            .Input("input", OnnxType.F32, "b", 3, "h", "w").Output("output", OnnxType.F32, "b", 3)
            .Node("ReduceMean", ["input"], "output", ("axes", new[] { 2, 3 }), ("keepdims", 0))
            .Save(model.File("teacher", "model.onnx"));
        using Teacher teacher = Teacher.Open(model.File("teacher"));
        var logits = new float[3];
        teacher.Logits([.. Enumerable.Repeat(1f, 16), .. Enumerable.Repeat(2f, 16), .. Enumerable.Repeat(3f, 16)], 1, logits);
        Assert.That(teacher.ImageSize, Is.EqualTo(expected));
        Assert.That(logits, Is.EqualTo(new[] { 1f, 2f, 3f }).Within(1e-6), "no normalisation is configured");
    }

    [Test]
    public void Logits_OfImagesOfAnotherSize_AreThoseOfTheResizedImages()
    {
        using var model = new TinyModel();
        float[] large = [.. Enumerable.Range(0, 2 * 3 * 64).Select(i => i * 7 % 13 / 13f)], small = new float[2 * TinyModel.Pixels], found = new float[6], expected = new float[6];
        new SquareResampler(8, 4, 4, filter: 2).Resize(large, small);
        using Teacher teacher = Teacher.Open(model.File("teacher"), inputSide: 8), own = Teacher.Open(model.File("teacher"));
        teacher.Logits(large, 2, found);
        own.Logits(small, 2, expected);
        Assert.That(found, Is.EqualTo(expected).Within(1e-6));
        Assert.That(() => teacher.Logits(small, 2, found), Throws.ArgumentException, "images of the network's own size are too short for 8 pixels");
    }

    [TestCase("""{"do_resize": false, "size": 4}""", "8 pixels a side")]
    [TestCase("""{"image_mean": [0, 0, 0]}""", "takes 4")]
    [TestCase("""{"size": 4, "resample": 1}""", "'resample' is 1")]
    public void Open_ForImagesItCannotResize_IsRefused(string preprocessor, string expected)
    {
        using var model = new TinyModel();
        model.Write("teacher/preprocessor_config.json", preprocessor);
        Assert.That(() => Teacher.Open(model.File("teacher"), inputSide: 8), Throws.InstanceOf<DdoqException>().With.Message.Contains(expected));
    }

    [Test]
    public void Logits_ThatAreNotFinite_NameTheImage()
    {
        using var model = new TinyModel();
        using Teacher teacher = Teacher.Open(model.File("teacher"));
        var images = new float[3 * TinyModel.Pixels];
        images[(2 * TinyModel.Pixels) + 5] = float.NaN;
        Assert.That(
            () => teacher.Logits(images, 3, new float[9], row => $"image {row}"),
            Throws.InstanceOf<DdoqException>().With.Message.Contains("gives NaN for image 2"));
    }

    [Test]
    public void Open_WithoutNames_CountsTheClasses()
    {
        using var model = new TinyModel();
        File.Delete(model.File("teacher", "config.json"));
        using Teacher teacher = Teacher.Open(model.File("teacher"));
        Assert.That(teacher.ClassNames, Is.EqualTo(new[] { "0", "1", "2" }));
        Assert.That(teacher.HasClassNames, Is.False);
    }

    [Test]
    public void Open_WhenNamesAndLogitsDisagree_IsRefused()
    {
        using var model = new TinyModel();
        model.WriteTeacher(classes: 5);
        Assert.That(() => Teacher.Open(model.File("teacher")), Throws.InstanceOf<DdoqException>().With.Message.Contains("names 3 classes").And.Message.Contains("5 logits"));
    }

    [TestCase("""{"image_mean": [0.5]}""")]
    [TestCase("""{"image_std": [1, 0, 1]}""")]
    public void Open_WithImpossibleNormalisation_NamesTheKey(string preprocessor)
    {
        using var model = new TinyModel();
        model.Write("teacher/preprocessor_config.json", preprocessor);
        Assert.That(() => Teacher.Open(model.File("teacher")), Throws.InstanceOf<DdoqException>().With.Message.Contains("must hold 3"));
    }
}
