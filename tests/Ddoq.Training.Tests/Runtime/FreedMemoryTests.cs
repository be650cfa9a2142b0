using System.Globalization;
using Ddoq.Training.Runtime;
using TorchSharp;

namespace Ddoq.Training.Tests.Runtime;

public sealed class FreedMemoryTests
{
    private const int Values = 12 << 20, Rounds = 15;

    [Test]
    public void TensorsOfOneSize_FaultNoPagesAgain([Values] bool onWorker)
    {
        if (!FreedMemory.Keep())
            Assert.Ignore("not glibc, or malloc's behaviour is set in the environment");
        long faults = 0;
        void Measure()
        {
            // The heap takes a few rounds to settle.
            FillAndFree(Rounds);
            long before = Faults();
            FillAndFree(Rounds);
            faults = Faults() - before;
        }

        if (onWorker)
        {
            var worker = new Thread(Measure);
            worker.Start();
            worker.Join();
        }
        else
        {
            Measure();
        }

        long pages = Values * sizeof(float) / Environment.SystemPageSize;
        Assert.That(faults, Is.LessThan(pages / 2), $"{Rounds} tensors of {pages} pages");
    }

    private static void FillAndFree(int times)
    {
        for (int i = 0; i < times; i++)
            torch.ones(Values).Dispose();
    }

    // Minor faults of this thread, field 10 of proc(5)'s stat; the name before it may hold spaces.
    private static long Faults()
    {
        string stat = File.ReadAllText("/proc/thread-self/stat");
        return long.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[7], CultureInfo.InvariantCulture);
    }
}
