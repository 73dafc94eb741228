//! QR codes (ISO/IEC 18004), for cameras of telephones: dark on light, with the quiet zone that readers need.

use qrcodegen::{QrCode, QrCodeEcc};

use super::canvas::{CODE, INK, Patch};

/// Light modules on each side (ISO/IEC 18004 §5.3.8).
const QUIET: usize = 4;

/// The code of a text in a square of at most `side` pixels, whole pixels a module; none when that is too small for it.
#[must_use]
pub fn draw(text: &str, side: usize) -> Option<Patch> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let modules = usize::try_from(code.size()).ok()? + 2 * QUIET;
    let scale = (side / modules) & !1;
    if scale == 0 {
        return None;
    }
    let side = modules * scale;
    let mut patch = Patch::filled(side, side, CODE);
    let module = |at: usize| i32::try_from(at / scale).unwrap_or(0) - QUIET as i32;
    for (index, luma) in patch.bytes.iter_mut().take(side * side).enumerate() {
        if !code.get_module(module(index % side), module(index / side)) {
            *luma = INK.0;
        }
    }
    Some(patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(patch: &Patch) -> Option<String> {
        let luma = |x: usize, y: usize| patch.bytes[y * patch.width + x];
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(patch.width, patch.height, luma);
        let grids = picture.detect_grids();
        Some(grids.first()?.decode().ok()?.1)
    }

    #[test]
    fn what_is_drawn_can_be_read() {
        for text in ["hemicycle:claim?serial=HC24-000123", "x", "Größe, 会議"] {
            let patch = draw(text, 316).unwrap();
            assert!(patch.width <= 316 && patch.width.is_multiple_of(2), "{}", patch.width);
            assert_eq!(read(&patch).as_deref(), Some(text));
        }
        assert_eq!(read(&Patch::filled(316, 316, CODE)), None, "the reader reads");
    }

    #[test]
    fn what_has_no_room_is_not_drawn() {
        assert_eq!(draw("hemicycle:claim?serial=HC24-000123", 50), None);
        assert_eq!(draw(&"x".repeat(5_000), 316), None);
    }
}
