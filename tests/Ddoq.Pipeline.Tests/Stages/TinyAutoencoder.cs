using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Pipeline.Tests.Stages;

/// <summary>Encoder and decoder of <see cref="TinyModel"/> once more, in double precision and by loops.</summary>
internal static class TinyAutoencoder
{
    private const int Side = TinyModel.ImageSize, Half = TinyModel.LatentSize;

    /// <summary>The scaled mean of an image's posterior.</summary>
    /// <param name="pixels">[3, 4, 4] bytes.</param>
    public static float[] Encode(byte[] pixels)
    {
        var latent = new float[TinyModel.Latent];
        for (int o = 0; o < TinyModel.Channels; o++)
        {
            for (int y = 0; y < Half; y++)
            {
                for (int x = 0; x < Half; x++)
                {
                    double sum = o / 10.0;
                    for (int i = 0; i < 3; i++)
                    {
                        for (int tap = 0; tap < 4; tap++)
                        {
                            int dy = tap / 2, dx = tap % 2;
                            double value = (pixels[(((i * Side) + (2 * y) + dy) * Side) + (2 * x) + dx] / 127.5) - 1;
                            sum += value * TinyModel.EncoderWeight(o, i, dy, dx);
                        }
                    }

                    latent[(((o * Half) + y) * Half) + x] = (float)(sum * TinyModel.ScalingFactor);
                }
            }
        }

        return latent;
    }

    /// <summary>The image of a scaled latent, about [-1, 1].</summary>
    public static double[] Decode(ReadOnlySpan<float> latent)
    {
        var image = new double[TinyModel.Pixels];
        for (int o = 0; o < 3; o++)
        {
            for (int y = 0; y < Side; y++)
            {
                for (int x = 0; x < Side; x++)
                {
                    for (int i = 0; i < TinyModel.Channels; i++)
                    {
                        double value = latent[(((i * Half) + (y / 2)) * Half) + (x / 2)] / TinyModel.ScalingFactor;
                        image[(((o * Side) + y) * Side) + x] += value * TinyModel.DecoderWeight(i, o, y % 2, x % 2);
                    }
                }
            }
        }

        return image;
    }

    /// <summary>The bytes of an image.</summary>
    public static byte[] Levels(double[] image) => Array.ConvertAll(image, v => (byte)Math.Clamp(Math.Round((v + 1) * 127.5), 0, 255));
}
