using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Backbones;

/// <summary>The inputs of a backbone besides the latents, for one batch in flight: timestep, and class or text of each row.</summary>
internal abstract class BackboneConditions(TensorBuffer timestep, TensorBuffer rows)
{
    /// <summary>The inputs; whoever binds them frees them.</summary>
    public TensorBuffer[] Tensors { get; } = [timestep, rows];

    protected TensorBuffer Rows => rows;

    /// <summary>Sets the classes of the conditional rows.</summary>
    public abstract void SetClasses(ReadOnlySpan<int> classes);

    /// <summary>Sets the timestep of all rows.</summary>
    public void SetTimestep(double value) => timestep.Fill(value);
}
