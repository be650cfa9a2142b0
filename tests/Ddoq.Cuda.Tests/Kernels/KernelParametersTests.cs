using System.Runtime.InteropServices;
using Ddoq.Cuda.Kernels;

namespace Ddoq.Cuda.Tests.Kernels;

/// <summary>The parameter structs are those of the kernels' headers, which assert their own sizes and offsets.</summary>
public class KernelParametersTests
{
    private static readonly Type[] s_structs = [.. typeof(ClassRange).Assembly.GetTypes().Where(type =>
        type.IsValueType && type.Namespace == typeof(ClassRange).Namespace && type.IsLayoutSequential && KernelHeaders.Sizes.ContainsKey(type.Name))];

    [Test]
    public void AllStructs_AreMirrored() =>
        Assert.That(s_structs.Select(type => type.Name), Is.EquivalentTo(KernelHeaders.Sizes.Keys));

    [TestCaseSource(nameof(s_structs))]
    public void Size_Fields_AndOffsets_Agree(Type type)
    {
        string[] fields = [.. type.GetFields().OrderBy(field => Marshal.OffsetOf(type, field.Name)).Select(field => field.Name)];
        Assert.Multiple(() =>
        {
            Assert.That(Marshal.SizeOf(type), Is.EqualTo(KernelHeaders.Sizes[type.Name]));
            Assert.That(fields, Is.EqualTo(KernelHeaders.Fields(type.Name)));
            foreach ((string name, string field, int offset) in KernelHeaders.Offsets.Where(one => one.Struct == type.Name))
                Assert.That((int)Marshal.OffsetOf(type, fields.First(own => own.Equals(field.Replace("_", string.Empty, StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase))), Is.EqualTo(offset), $"{name}.{field}");
        });
    }
}
