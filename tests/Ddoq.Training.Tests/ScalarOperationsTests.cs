using System.Reflection;
using System.Reflection.Emit;
using TorchSharp;

namespace Ddoq.Training.Tests;

public sealed class ScalarOperationsTests
{
    private static readonly string[] s_withHiddenNumbers = ["op_Addition", "add", "add_", "item", "ToScalar", "op_Implicit"];
    private static readonly Dictionary<short, OpCode> s_codes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    [Test]
    public void TrainingCode_TakesNumbersThroughThemAlone()
    {
        const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance;
        int calls = 0;
        Assert.Multiple(() =>
        {
            foreach (Type type in typeof(ScalarOperations).Assembly.GetTypes())
            {
                foreach (MethodBase method in type.GetMethods(Declared).Concat<MethodBase>(type.GetConstructors(Declared)))
                {
                    foreach (MethodBase called in Calls(method).Where(TakesNumber))
                    {
                        calls++;
                        Assert.That(type, Is.EqualTo(typeof(ScalarOperations)), $"{type.Name}.{method.Name} calls {called}");
                    }
                }
            }
        });
        Assert.That(calls, Is.GreaterThan(10), "the search finds calls");
    }

    private static bool TakesNumber(MethodBase called) =>
        called.DeclaringType?.Assembly == typeof(Scalar).Assembly
        && (called.GetParameters().Any(parameter => parameter.ParameterType == typeof(Scalar))
            || (called.DeclaringType == typeof(Scalar) && called.Name == "op_Implicit")
            || (called.DeclaringType == typeof(torch.Tensor) && s_withHiddenNumbers.Contains(called.Name)));

    private static IEnumerable<MethodBase> Calls(MethodBase method)
    {
        if (method.GetMethodBody()?.GetILAsByteArray() is not { } code)
            yield break;
        for (int at = 0; at < code.Length;)
        {
            short value = code[at++];
            if (value == 0xfe)
                value = (short)(0xfe00 | code[at++]);
            OpCode operation = s_codes[value];
            if (operation.OperandType == OperandType.InlineMethod)
            {
                yield return method.Module.ResolveMethod(
                    BitConverter.ToInt32(code, at),
                    method.DeclaringType!.IsGenericType ? method.DeclaringType.GetGenericArguments() : null,
                    method.IsGenericMethod ? method.GetGenericArguments() : null)!;
            }

            at += operation.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }
}
