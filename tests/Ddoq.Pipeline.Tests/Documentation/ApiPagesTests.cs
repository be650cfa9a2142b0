using Ddoq.Cuda;
using Ddoq.Evaluation.Transport;
using Ddoq.Imaging;
using Ddoq.Onnx.Models;
using Ddoq.Quantization;
using Ddoq.Training;

namespace Ddoq.Pipeline.Tests.Documentation;

/// <summary>The pages in docs/api are the public surface of the packages: what changes it changes them.</summary>
public sealed class ApiPagesTests
{
    private static readonly Type[] s_packages = [typeof(CpuQuantizer), typeof(CudaQuantizer), typeof(Wasserstein), typeof(ImageFit), typeof(ModelFolder), typeof(StudentTrainer)];

    private static string Root
    {
        get
        {
            string folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "DDOQ.sln")))
                folder = Path.GetDirectoryName(folder)!;
            return folder;
        }
    }

    [TestCaseSource(nameof(s_packages))]
    public void Page_IsThePackages(Type one)
    {
        string name = one.Assembly.GetName().Name!, path = Path.Combine(Root, "docs", "api", name + ".md");
        string expected = new ApiPage(one.Assembly, Path.Combine(Root, "src", name)).Write(path);
        if (Environment.GetEnvironmentVariable("DDOQ_WRITE_DOCS") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, expected);
        }

        string[] found = File.Exists(path) ? File.ReadAllLines(path) : [], lines = expected.Split('\n')[..^1];
        Assert.That(
            found.Except(lines).Select(line => "- " + line).Concat(lines.Except(found).Select(line => "+ " + line)),
            Is.Empty,
            "the public surface is another one: DDOQ_WRITE_DOCS=1 dotnet test tests/Ddoq.Pipeline.Tests -c Release --filter ApiPages writes its page anew");
        Assert.That(found, Is.EqualTo(lines));
    }

    [TestCaseSource(nameof(s_packages))]
    public void EveryPackage_SaysWhatItHolds(Type one) =>
        Assert.That(File.ReadAllText(Path.Combine(Root, "src", "README.md")), Does.Contain($"`{one.Assembly.GetName().Name}`"));
}
