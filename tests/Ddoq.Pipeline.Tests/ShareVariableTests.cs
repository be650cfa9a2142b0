namespace Ddoq.Pipeline.Tests;

public class ShareVariableTests
{
    [TestCase("auto", "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=8 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_STEP=1", "3/8")]
    [TestCase("auto", "SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=8", "1/8")]
    [TestCase("auto", "SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=13 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_STEP=4", "3/4")]
    [TestCase("auto/8", "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=3 SLURM_ARRAY_TASK_COUNT=1", "3/8", Description = "one task submitted again")]
    [TestCase("auto/8", "JOB_COMPLETION_INDEX=0", "1/8")]
    [TestCase("auto", "JOB_COMPLETION_INDEX=7 DDOQ_SHARD_COUNT=8", "8/8")]
    [TestCase("auto/5", "HQ_TASK_ID=5 SLURM_ARRAY_TASK_ID=1", "5/5", Description = "HyperQueue's worker runs inside an array")]
    [TestCase("auto/1", "HQ_TASK_ID=1", "1/1")]
    [TestCase("2/4", "JOB_COMPLETION_INDEX=0", "2/4", Description = "what is given wins")]
    public void AShare_IsTheSchedulers(string text, string variables, string share) =>
        Assert.That(Share.Parse(text, Of(variables)).ToString(), Is.EqualTo(share));

    [TestCase("auto", "", "none of SLURM_ARRAY_TASK_ID")]
    [TestCase("auto", "JOB_COMPLETION_INDEX=7", "of how many")]
    [TestCase("auto/7", "JOB_COMPLETION_INDEX=7", "none of 7 shares")]
    [TestCase("auto/8", "SLURM_ARRAY_TASK_ID=0", "none of 8 shares")]
    [TestCase("auto", "SLURM_ARRAY_TASK_ID=17 SLURM_ARRAY_TASK_MIN=17 SLURM_ARRAY_TASK_MAX=17 SLURM_ARRAY_TASK_COUNT=1", "not all of a run's shares")]
    [TestCase("auto", "SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=3", "not all of a run's shares")]
    [TestCase("auto", "SLURM_ARRAY_TASK_ID=4", "SLURM_ARRAY_TASK_MIN is not")]
    [TestCase("auto", "HQ_TASK_ID=x DDOQ_SHARD_COUNT=3", "HQ_TASK_ID is 'x'")]
    [TestCase("auto", "HQ_TASK_ID=1 DDOQ_SHARD_COUNT=0", "DDOQ_SHARD_COUNT is '0'")]
    [TestCase("auto/0", "HQ_TASK_ID=1", "'auto/0' is not allowed")]
    [TestCase("auto/1/2", "HQ_TASK_ID=1", "'auto/1/2' is not allowed")]
    public void WhatNoSchedulerSays_IsRefused(string text, string variables, string words) =>
        Assert.That(() => Share.Parse(text, Of(variables)), Throws.TypeOf<UsageException>().With.Message.Contain(words));

    [Test]
    public void Runs_CoverAllUnits_InOrder([Values(1, 2, 7, 100)] int count, [Values(0, 1, 6, 7, 99, 21841)] int units)
    {
        int next = 0;
        for (int number = 1; number <= count; number++)
        {
            (int first, int end) = new Share(number, count).Range(units);
            Assert.That(first, Is.EqualTo(next));
            Assert.That(end - first, Is.InRange(units / count, (units / count) + 1));
            next = end;
        }

        Assert.That(next, Is.EqualTo(units));
    }

    private static Func<string, string?> Of(string variables)
    {
        var set = variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(text => text.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);
        return set.GetValueOrDefault;
    }
}
