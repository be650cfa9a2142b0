using Ddoq.Imaging;
using Ddoq.Onnx.Models;
using ImageFit = Ddoq.Imaging.ImageFit;

namespace Ddoq.Pipeline;

/// <summary>How source images become images of a model's size.</summary>
internal static class SourceImages
{
    /// <summary>The fit a model asks for, or the one the user chose.</summary>
    public static ImageFit FitFor(ModelFolder model, FitMode? mode) => new(
        model.ImageSize,
        model.ImageSize,
        mode ?? model.Fit switch
        {
            Onnx.Models.ImageFit.Pad => FitMode.Pad,
            Onnx.Models.ImageFit.Crop => FitMode.CropCentre,
            _ => FitMode.Resize,
        },
        PadValue: (byte)model.PadValue);
}
