using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

#pragma warning disable RS0030 // The one place that may use numbers.

namespace Ddoq.Training;

/// <summary>Operations of tensors with numbers, each of which keeps its number alive while torch reads it.</summary>
/// <remarks>
/// TorchSharp turns a number into an object with native memory and passes on its address alone, so the garbage collector may free
/// it during the call: torch then fails, or computes with another number. The same holds for its sum of two
/// tensors, whose factor 1 is such an object, and for <c>item</c>. The training code uses these methods instead: <c>BannedSymbols.txt</c> makes
/// the others errors everywhere else.
/// </remarks>
internal static class ScalarOperations
{
    private static readonly Scalar One = 1;

    /// <summary><paramref name="tensor"/> times a number.</summary>
    public static Tensor Multiply(this Tensor tensor, double factor)
    {
        using Scalar scalar = factor;
        return tensor.mul(scalar);
    }

    /// <summary>Multiplies the tensor itself.</summary>
    public static Tensor MultiplyInPlace(this Tensor tensor, double factor)
    {
        using Scalar scalar = factor;
        return tensor.mul_(scalar);
    }

    /// <summary><paramref name="tensor"/> divided by a number.</summary>
    public static Tensor Divide(this Tensor tensor, double divisor)
    {
        using Scalar scalar = divisor;
        return tensor.div(scalar);
    }

    /// <summary>Divides the tensor itself.</summary>
    public static Tensor DivideInPlace(this Tensor tensor, double divisor)
    {
        using Scalar scalar = divisor;
        return tensor.div_(scalar);
    }

    /// <summary>Adds a number to the tensor itself.</summary>
    public static Tensor AddInPlace(this Tensor tensor, double value)
    {
        using Scalar scalar = value;
        return tensor.add_(scalar, One);
    }

    /// <summary>The sum of two tensors.</summary>
    public static Tensor Add(this Tensor tensor, Tensor other) => tensor.add(other, One);

    /// <summary>Adds a tensor to the tensor itself.</summary>
    public static Tensor AddInPlace(this Tensor tensor, Tensor other) => tensor.add_(other, One);

    /// <summary>Adds <paramref name="factor"/> times a tensor to the tensor itself.</summary>
    public static Tensor AddInPlace(this Tensor tensor, Tensor other, double factor)
    {
        using Scalar scalar = factor;
        return tensor.add_(other, scalar);
    }

    /// <summary>Adds <paramref name="factor"/> times the elements' products to the tensor itself.</summary>
    public static Tensor AddProductInPlace(this Tensor tensor, Tensor first, Tensor second, double factor)
    {
        using Scalar scalar = factor;
        return tensor.addcmul_(first, second, scalar);
    }

    /// <summary>Adds <paramref name="factor"/> times the elements' quotients to the tensor itself.</summary>
    public static Tensor AddQuotientInPlace(this Tensor tensor, Tensor dividend, Tensor divisor, double factor)
    {
        using Scalar scalar = factor;
        return tensor.addcdiv_(dividend, divisor, scalar);
    }

    /// <summary>Sets all elements.</summary>
    public static Tensor FillInPlace(this Tensor tensor, double value)
    {
        using Scalar scalar = value;
        return tensor.fill_(scalar);
    }

    /// <summary>The value of a float32 tensor of one element.</summary>
    public static float ToSingle(this Tensor tensor)
    {
        using DisposeScope scope = NewDisposeScope();
        return MemoryMarshal.Read<float>(tensor.detach().cpu().bytes);
    }
}
