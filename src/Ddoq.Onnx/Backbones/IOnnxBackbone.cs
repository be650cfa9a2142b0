namespace Ddoq.Onnx.Backbones;

/// <summary>A backbone that is one network of ONNX Runtime, for those who bind its tensors themselves.</summary>
internal interface IOnnxBackbone : IDiffusionBackbone
{
    /// <summary>The network and its tensors.</summary>
    BackboneTensors Tensors { get; }

    /// <summary>Makes the other inputs of one batch in flight.</summary>
    /// <param name="batchSize">Rows, before guidance doubles them.</param>
    /// <param name="guided">Whether every row has a second one without condition.</param>
    BackboneConditions CreateConditions(int batchSize, bool guided);
}
