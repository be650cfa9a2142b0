using Ddoq.Training.Runtime;

namespace Ddoq.Training.Tests.Runtime;

public sealed class SymbolVersionRepairTests
{
    private const string Standard = "libstdc++.so.6";
    private const string Wait = "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE";

    [Test]
    public void Plan_EverythingDefined_IsEmpty()
    {
        IReadOnlyList<SymbolVersionRepair.Edit> edits = Plan(Library(), "GLIBCXX_3.4.11", "GLIBCXX_3.4.30", "GLIBCXX_3.4.32");

        Assert.That(edits, Is.Empty);
    }

    [Test]
    public void Plan_MissingVersionWithoutRelocatedSymbols_IsMarkedWeakAndNothingElseChanges()
    {
        byte[] original = Library(), repaired = Library();
        IReadOnlyList<SymbolVersionRepair.Edit> edits = Plan(original, "GLIBCXX_3.4.11", "GLIBCXX_3.4.30");

        SymbolVersionRepair.Apply(repaired, edits);

        SymbolVersionNeed need = new ElfImage(repaired, "x").ReadVersionNeeds().Single(n => n.Version == "GLIBCXX_3.4.32");
        Assert.That(need.Flags, Is.EqualTo(SymbolVersionRepair.Weak));
        Assert.That(original.Zip(repaired).Count(pair => pair.First != pair.Second), Is.EqualTo(1));
    }

    [Test]
    public void Plan_AlreadyRepaired_IsEmpty()
    {
        byte[] bytes = Library();
        SymbolVersionRepair.Apply(bytes, Plan(bytes, "GLIBCXX_3.4.11", "GLIBCXX_3.4.30"));

        Assert.That(Plan(bytes, "GLIBCXX_3.4.11", "GLIBCXX_3.4.30"), Is.Empty);
    }

    [Test]
    public void Plan_RepublishedSymbol_IsBoundToItsOlderVersion()
    {
        byte[] bytes = Library();
        SymbolVersionRepair.Apply(bytes, Plan(bytes, "GLIBCXX_3.4.11"));

        var image = new ElfImage(bytes, "x");
        Assert.That(image.ReadRelocatedSymbols().Single(symbol => symbol.Name == Wait).VersionIndex, Is.EqualTo(2));
        Assert.That(
            image.ReadVersionNeeds().Where(need => need.Flags == SymbolVersionRepair.Weak).Select(need => need.Version),
            Is.EqualTo(new[] { "GLIBCXX_3.4.30", "GLIBCXX_3.4.32" }));
    }

    [Test]
    public void Plan_NeededSymbolWithoutCounterpart_IsRefusedByName()
    {
        byte[] bytes = new ElfBuilder()
            .Needs(Standard, ("GLIBCXX_9", 0, 2))
            .Symbol("_Zessential", 2, relocations: 2)
            .Build();

        Assert.That(
            () => Plan(bytes, "GLIBCXX_3.4.11"),
            Throws.TypeOf<DdoqException>().With.Message.Contains("_Zessential").And.Message.Contains("GLIBCXX_9"));
    }

    [Test]
    public void Plan_OtherLibrariesVersions_AreLeftAlone()
    {
        byte[] bytes = new ElfBuilder().Needs("libc.so.6", ("GLIBC_99", 0, 2)).Build();

        Assert.That(Plan(bytes), Is.Empty);
    }

    [Test]
    public void Plan_TorchSharpsLibrary_AsOnRhel9_BindsWaitAndWeakensTwoVersions()
    {
        string? path = TorchRuntime.FindNative("libLibTorchSharp.so");
        if (path is null)
            Assert.Ignore("libLibTorchSharp.so is not beside the tests (not Linux x64)");
        byte[] bytes = File.ReadAllBytes(path!);
        var image = new ElfImage(bytes, path!);
        var defined = image.ReadVersionNeeds().Select(need => need.Version).ToHashSet();
        defined.ExceptWith(["GLIBCXX_3.4.30", "GLIBCXX_3.4.32"]);

        IReadOnlyList<SymbolVersionRepair.Edit> edits = SymbolVersionRepair.Plan(image, Standard, defined);

        Assert.That(edits, Has.Count.EqualTo(3));
    }

    private static byte[] Library() => new ElfBuilder()
        .Needs(Standard, ("GLIBCXX_3.4.11", 0, 2), ("GLIBCXX_3.4.30", 0, 3), ("GLIBCXX_3.4.32", 0, 4))
        .Symbol(Wait, 3, relocations: 2)
        .Symbol("_ZSt21ios_base_library_initv", 4, relocations: 0)
        .Build();

    private static IReadOnlyList<SymbolVersionRepair.Edit> Plan(byte[] bytes, params string[] defined) =>
        SymbolVersionRepair.Plan(new ElfImage(bytes, "library.so"), Standard, defined.ToHashSet());
}
