using Ddoq.Numerics;
using Ddoq.Onnx.Teachers;

namespace Ddoq.Onnx.Tests.Teachers;

public class ClassOrderCheckTests
{
    [Test]
    public void Evaluate_WhenTheTeacherAgrees_IsSilent([Values(2, 10, 100)] int classes)
    {
        ClassOrderCheck check = Check(classes, 20, label => label, accuracy: 0.7);
        Assert.Multiple(() =>
        {
            Assert.That(check.Top1, Is.EqualTo(0.7 + (0.3 / classes)).Within(0.15));
            Assert.That(check.IsNearChance, Is.False);
            Assert.That(check.HasBetterOrder, Is.False);
            Assert.That(check.TeacherClassOf, Is.EqualTo(Enumerable.Range(0, classes)));
            Assert.That(check.ThrowIfWrong, Throws.Nothing);
        });
    }

    [Test]
    public void Evaluate_WhenTheOrderDiffers_FindsIt([Values(10, 100)] int classes)
    {
        // Another order: multiplication by 3 modulo the number of classes.
        ClassOrderCheck check = Check(classes, 20, label => label * 3 % classes, accuracy: 0.8);
        DdoqException exception = Assert.Throws<DdoqException>(check.ThrowIfWrong)!;
        Assert.Multiple(() =>
        {
            Assert.That(check.IsNearChance);
            Assert.That(check.TeacherClassOf, Is.EqualTo(Enumerable.Range(0, classes).Select(label => label * 3 % classes)));
            Assert.That(check.PermutedTop1, Is.EqualTo(0.8).Within(0.1));
            Assert.That(exception.Message, Does.Contain("class order differs").And.Contains("1 'name1' is the teacher's 3 'teacher3'"));
            Assert.That(exception.Hint, Does.Contain("id2label"));
        });
    }

    [Test]
    public void Evaluate_WhenTheTeacherGuesses_OffersNoOrder()
    {
        ClassOrderCheck check = Check(10, 100, label => label, accuracy: 0);
        DdoqException exception = Assert.Throws<DdoqException>(check.ThrowIfWrong)!;
        Assert.That(exception.Message, Does.Contain("does not recognise"));
    }

    [Test]
    public void Evaluate_WhenTwoClassesAreSwapped_NoticesThoughTheTop1IsHigh()
    {
        ClassOrderCheck check = Check(10, 50, label => label switch { 4 => 6, 6 => 4, _ => label }, accuracy: 0.9);
        Assert.That(check.IsNearChance, Is.False);
        Assert.That(check.HasBetterOrder);
        Assert.That(check.ThrowIfWrong, Throws.InstanceOf<DdoqException>().With.Property("Hint").Contains("--class-check warn"));
        Assert.That(check.Diagnosis, Does.Contain("4 'name4' is the teacher's 6").And.Contains("6 'name6' is the teacher's 4"));
    }

    [Test]
    public void Evaluate_OfImpossibleInput_IsRefused() => Assert.Multiple(() =>
    {
        Assert.That(() => ClassOrderCheck.Evaluate([], [], ["a"]), Throws.InstanceOf<DdoqException>());
        Assert.That(() => ClassOrderCheck.Evaluate(new float[6], [0, 1], ["a", "b"]), Throws.InstanceOf<DdoqException>().With.Message.Contains("3 per row"));
        Assert.That(() => ClassOrderCheck.Evaluate(new float[4], [0, 2], ["a", "b"]), Throws.InstanceOf<DdoqException>().With.Message.Contains("row 1 has label 2"));
    });

    [TestCase(2, 24, false)]
    [TestCase(3, 24, false)]
    [TestCase(2, 19, true)]
    public void Evaluate_OfAGoodTeacherOnThirtyImages_Passes_AndWarnsNearChance(int classes, int right, bool uncertain)
    {
        // 24 of 30 is 80 %.
        int[] labels = [.. Enumerable.Range(0, 30).Select(row => row % classes)];
        var logits = new float[30 * classes];
        for (int row = 0; row < 30; row++)
            logits[(row * classes) + (row < right ? labels[row] : (labels[row] + 1) % classes)] = 1;
        ClassOrderCheck check = ClassOrderCheck.Evaluate(logits, labels, [.. Enumerable.Range(0, classes).Select(c => $"name{c}")]);
        Assert.That((check.IsNearChance, check.HasBetterOrder, check.IsUncertain), Is.EqualTo((false, false, uncertain)));
        Assert.That(check.ThrowIfWrong, Throws.Nothing);
        Assert.That(check.Diagnosis, Does.Contain($"{right} of 30 labelled images"));
    }

    [Test]
    public void Evaluate_OfTwoSimilarClasses_OfWhichMostOfThreeImagesAreMistaken_Passes()
    {
        // 10 classes of 3 images; two of three of 4 and of 6 are taken for the other.
        ClassOrderCheck check = Of(10, 3, (label, image) => image == 0 ? label : label switch { 4 => 6, 6 => 4, _ => label });
        Assert.That(check.HasBetterOrder, Is.False, check.Diagnosis);
        Assert.That(check.ThrowIfWrong, Throws.Nothing);
    }

    [Test]
    public void Evaluate_OfTwoClassesOfTwoImages_WhollySwapped_IsNoticed() =>
        Assert.That(Of(10, 2, (label, _) => label switch { 4 => 6, 6 => 4, _ => label }).ThrowIfWrong, Throws.InstanceOf<DdoqException>().With.Message.Contains("4 'name4' is the teacher's 6"));

    [Test]
    public void Evaluate_OfAThousandGoodTeachersOnThirtyImages_RefusesAtMostOnePercent()
    {
        // Every mistake is for the most similar class, which is the hardest kind to tell from swapped ones.
        int refused = 0;
        for (ulong teacher = 0; teacher < 1000; teacher++)
        {
            var random = new CounterRandom(9, teacher);
            ClassOrderCheck check = Of(10, 3, (label, _) => random.NextDouble() < 0.8 ? label : label ^ 1);
            refused += check.HasBetterOrder || check.IsNearChance ? 1 : 0;
        }

        Assert.That(refused, Is.LessThanOrEqualTo(10));
    }

    private static ClassOrderCheck Of(int classes, int perClass, Func<int, int, int> predicted)
    {
        int[] labels = [.. Enumerable.Range(0, classes * perClass).Select(row => row / perClass)];
        var logits = new float[labels.Length * classes];
        for (int row = 0; row < labels.Length; row++)
            logits[(row * classes) + predicted(labels[row], row % perClass)] = 1;
        return ClassOrderCheck.Evaluate(logits, labels, [.. Enumerable.Range(0, classes).Select(c => $"name{c}")]);
    }

    [Test]
    public void Evaluate_OfAFewRightRows_IsNotAlarmed()
    {
        ClassOrderCheck check = ClassOrderCheck.Evaluate([2, 1, 0, 3], [0, 1], ["a", "b"]);
        Assert.That((check.Top1, check.IsNearChance, check.HasBetterOrder), Is.EqualTo((1.0, false, false)));
    }

    private static ClassOrderCheck Check(int classes, int perClass, Func<int, int> teacherClass, double accuracy)
    {
        var random = new CounterRandom(4, (ulong)classes);
        var labels = new int[classes * perClass];
        var logits = new float[labels.Length * classes];
        for (int row = 0; row < labels.Length; row++)
        {
            labels[row] = row % classes;
            int predicted = random.NextDouble() < accuracy ? teacherClass(labels[row]) : random.NextInt32(classes);
            logits[(row * classes) + predicted] = 1;
        }

        return ClassOrderCheck.Evaluate(logits, labels, [.. Enumerable.Range(0, classes).Select(c => $"name{c}")], [.. Enumerable.Range(0, classes).Select(c => $"teacher{c}")]);
    }
}
