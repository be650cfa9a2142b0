namespace Ddoq.Imaging.Tests;

public sealed class ImageGridTests
{
    [TestCase(1, 0, 1), TestCase(3, 2, 1), TestCase(1, 1, 3), TestCase(3, 5, 2)]
    public void ToPng_ShowsEveryPixelWhereItBelongs(int channels, int gap, int scale)
    {
        const int Rows = 2, Columns = 3, Height = 5, Width = 4, Background = 200;
        var grid = new ImageGrid(Rows, Columns, Height, Width, scale, gap, Background);
        var images = new byte[Rows, Columns][];
        for (int row = 0; row < Rows; row++)
        {
            for (int column = 0; column < Columns; column++)
            {
                // The last cell stays empty.
                if (row == Rows - 1 && column == Columns - 1)
                    continue;
                images[row, column] = TestData.RandomBytes(channels * Height * Width, (uint)(10 * row + column));
                grid.Set(row, column, images[row, column], channels);
            }
        }

        using DecodedImage sheet = ImageDecoder.Decode(grid.ToPng(), "sheet.png", ImageDatasetOptions.Default);
        Assert.That(sheet.Size, Is.EqualTo(new ImageSize(grid.Width, grid.Height)));
        Assert.That(sheet.Size, Is.EqualTo(new ImageSize(gap + Columns * (Width * scale + gap), gap + Rows * (Height * scale + gap))));
        int wrong = 0;
        for (int y = 0; y < grid.Height; y++)
        {
            for (int x = 0; x < grid.Width; x++)
            {
                (int row, int v) = Math.DivRem(y - gap, Height * scale + gap);
                (int column, int u) = Math.DivRem(x - gap, Width * scale + gap);
                bool inside = y >= gap && x >= gap && row < Rows && column < Columns && v < Height * scale && u < Width * scale;
                byte[]? image = inside ? images[row, column] : null;
                for (int c = 0; c < 3; c++)
                {
                    int expected = image is null ? Background : image[((channels == 3 ? c * Height : 0) + v / scale) * Width + u / scale];
                    wrong += sheet.Samples[3 * (y * grid.Width + x) + c] == expected ? 0 : 1;
                }
            }
        }

        Assert.That(wrong, Is.Zero);
    }

    [Test]
    public void Set_ChecksCellAndSize() => Assert.Multiple(() =>
    {
        var grid = new ImageGrid(1, 2, 3, 3);
        Assert.Throws<ArgumentOutOfRangeException>(() => grid.Set(0, 2, new byte[9], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => grid.Set(1, 0, new byte[9], 1));
        Assert.Throws<ArgumentException>(() => grid.Set(0, 0, new byte[10], 1));
        Assert.Throws<DdoqException>(() => _ = new ImageGrid(100_000, 100_000, 224, 224));
    });
}
