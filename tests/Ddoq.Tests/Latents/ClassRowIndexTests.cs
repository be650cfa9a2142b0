using Ddoq.Latents;
using Ddoq.Numerics;

namespace Ddoq.Tests.Latents;

public class ClassRowIndexTests
{
    [TestCase(1, 1, 1)]
    [TestCase(1, 1000, 7)]
    [TestCase(3, 2, 1)]
    [TestCase(3, 443, 1)]
    [TestCase(3, 443, 64)]
    [TestCase(200, 5000, 257)]
    public void Runs_AreTheRowsOfEachClass_WhereverTheLabelsAreCut(int classes, int rows, int chunk)
    {
        var random = new CounterRandom(7, (ulong)(classes + rows + chunk));
        var labels = new int[rows];
        for (int i = 0; i < rows;)
        {
            int label = random.NextInt32(classes);
            for (int end = Math.Min(rows, i + 1 + random.NextInt32(5)); i < end; i++)
                labels[i] = label;
        }

        ClassRowIndex index = Build(classes, labels, chunk);
        for (int c = 0; c < classes; c++)
        {
            var expected = Enumerable.Range(0, rows).Where(row => labels[row] == c).ToArray();
            var found = new List<int>();
            int runs = 0, end = -1;
            foreach (ClassRowIndex.Run run in index.Runs(c))
            {
                Assert.That(run.First, Is.GreaterThan(end), "runs do not touch");
                end = run.First + run.Count;
                found.AddRange(Enumerable.Range(run.First, run.Count));
                runs++;
            }

            Assert.Multiple(() =>
            {
                Assert.That(found, Is.EqualTo(expected));
                Assert.That(index.Count(c), Is.EqualTo(expected.Length));
                Assert.That(index.IsOneRun(c), Is.EqualTo(runs <= 1));
            });
        }
    }

    [Test]
    public void ContiguousClasses_TakeAFewBytes()
    {
        // 21,841 classes of 50 to 650 rows; the gap to the row before the first is the class's place in the file.
        const int Classes = 21_841;
        ClassRowIndex index = ClassRowIndex.Build(Classes, visit =>
        {
            var labels = new int[650];
            for (int c = 0, row = 0; c < Classes; c++)
            {
                int count = 50 + (c * 7 % 601);
                labels.AsSpan(0, count).Fill(c);
                visit(row, labels.AsSpan(0, count));
                row += count;
            }
        });
        Assert.That(index.ByteCount, Is.LessThan(6 * Classes));
        Assert.That(Enumerable.Range(0, Classes).All(index.IsOneRun));
    }

    [Test]
    public void MixedClasses_TakeThreeBytesARowAtMost()
    {
        const int Classes = 21_841, Rows = 1_000_000;
        ClassRowIndex index = ClassRowIndex.Build(Classes, visit =>
        {
            var labels = new int[Rows / 10];
            for (int row = 0; row < Rows; row += labels.Length)
            {
                // A permutation of the classes again and again: gaps of about C.
                for (int i = 0; i < labels.Length; i++)
                    labels[i] = (int)((row + i) * 7919L % Classes);
                visit(row, labels);
            }
        });
        Assert.That(index.ByteCount, Is.LessThanOrEqualTo(3 * Rows));
        Assert.That(Enumerable.Range(0, Classes).Sum(index.Count), Is.EqualTo(Rows));
    }

    private static ClassRowIndex Build(int classes, int[] labels, int chunk) => ClassRowIndex.Build(classes, visit =>
    {
        for (int first = 0; first < labels.Length; first += chunk)
            visit(first, labels.AsSpan(first, Math.Min(chunk, labels.Length - first)));
    });
}
