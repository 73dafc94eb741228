//! The RTP description of one offered content: payload types, feedback, header extensions.

use minidom::Element;

use crate::ns;

use super::MAX_IDENTIFIER;

/// Most payload types read of one content.
const MAX_PAYLOADS: usize = 100;
/// Most header extensions read of one content.
const MAX_EXTENSIONS: usize = 32;
/// Most parameters or feedback types read of one payload type.
const MAX_PARAMETERS: usize = 32;

/// One offered payload type, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedPayload {
    /// RTP payload type number.
    pub number: u8,
    /// Encoding name, as written.
    pub name: String,
    /// Hz.
    pub clock_rate: u32,
    /// Audio channels; 1 where nothing is said.
    pub channels: u8,
    /// Format parameters, in order.
    pub parameters: Vec<(String, String)>,
    /// RTCP feedback, `type` or `type subtype`.
    pub feedback: Vec<String>,
}

impl OfferedPayload {
    /// A format parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// The offered audio or video content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// Name of the content, to be repeated in the answer.
    pub name: String,
    /// Payload types in the order of the offer.
    pub payload_types: Vec<OfferedPayload>,
    /// Header extensions: id and URI.
    pub extensions: Vec<(u8, String)>,
}

/// The offered data channel content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataContent {
    /// Name of the content, to be repeated in the answer.
    pub name: String,
    /// SCTP port.
    pub port: u16,
}

impl Content {
    pub(crate) fn parse(name: &str, description: &Element) -> Self {
        let children =
            |name: &'static str, namespace| description.children().filter(move |child| child.is(name, namespace));
        let extension = |child: &Element| {
            let id = child.attr("id")?.parse().ok().filter(|id| (1..=255).contains(id))?;
            Some((id, limited(child.attr("uri")?)?))
        };
        Self {
            name: name.to_owned(),
            payload_types: children("payload-type", ns::RTP)
                .take(MAX_PAYLOADS)
                .filter_map(payload)
                .collect(),
            extensions: children("rtp-hdrext", ns::HDREXT)
                .take(MAX_EXTENSIONS)
                .filter_map(extension)
                .collect(),
        }
    }

    /// Id of a header extension.
    pub fn extension(&self, uri: &str) -> Option<u8> {
        self.extensions
            .iter()
            .find(|(_, offered)| offered == uri)
            .map(|(id, _)| *id)
    }
}

fn payload(element: &Element) -> Option<OfferedPayload> {
    let children = |name: &'static str, namespace| {
        element
            .children()
            .filter(move |child| child.is(name, namespace))
            .take(MAX_PARAMETERS)
    };
    let feedback = |child: &Element| {
        let kind = child.attr("type")?;
        let text = match child.attr("subtype").filter(|subtype| !subtype.is_empty()) {
            Some(subtype) => format!("{kind} {subtype}"),
            None => kind.to_owned(),
        };
        limited(&text)
    };
    Some(OfferedPayload {
        number: element.attr("id")?.parse().ok().filter(|number| *number < 128)?,
        name: limited(element.attr("name")?)?,
        clock_rate: element.attr("clockrate")?.parse().ok().filter(|rate| *rate > 0)?,
        channels: element
            .attr("channels")
            .and_then(|channels| channels.parse().ok())
            .unwrap_or(1),
        parameters: children("parameter", ns::RTP).flat_map(parameters).collect(),
        feedback: children("rtcp-fb", ns::RTCP_FB).filter_map(feedback).collect(),
    })
}

/// The focus writes `profile-level-id` with a whole list for its value: `42e01f;level-asymmetry-allowed=1;…`.
fn parameters(element: &Element) -> Vec<(String, String)> {
    let (Some(name), Some(value)) = (element.attr("name"), element.attr("value")) else {
        return Vec::new();
    };
    let mut parts = value.split(';').take(MAX_PARAMETERS);
    let first = parts.next().map(|value| (name, value));
    let others = parts.filter_map(|part| part.split_once('='));
    let all = first.into_iter().chain(others);
    all.filter_map(|(name, value)| Some((limited(name.trim())?, limited(value.trim())?)))
        .collect()
}

/// Text that can stand in a line of SDP: bounded, printable.
fn limited(text: &str) -> Option<String> {
    let printable = text.chars().all(|character| !character.is_control());
    (!text.is_empty() && text.len() <= MAX_IDENTIFIER && printable).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    fn content(inside: &str) -> Content {
        Content::parse(
            "video",
            &parse(&format!(
                "<description xmlns='{}' media='video'>{inside}</description>",
                ns::RTP
            ))
            .unwrap(),
        )
    }

    #[test]
    fn parameters_and_feedback_keep_their_order() {
        let read = content(&format!(
            "<payload-type id='107' name='H264' clockrate='90000'><parameter name='profile-level-id' value='42e01f'/>\
             <parameter name='packetization-mode' value='1'/><rtcp-fb xmlns='{0}' type='ccm' subtype='fir'/>\
             <rtcp-fb xmlns='{0}' type='nack'/></payload-type><rtp-hdrext xmlns='{1}' id='5' uri='urn:x'/>",
            ns::RTCP_FB,
            ns::HDREXT
        ));
        let h264 = &read.payload_types[0];
        assert_eq!(h264.parameter("packetization-mode"), Some("1"));
        assert_eq!(h264.feedback, ["ccm fir", "nack"]);
        assert_eq!(read.extension("urn:x"), Some(5));
    }

    #[test]
    fn a_list_in_one_value_is_taken_apart() {
        let read = content(
            "<payload-type id='107' name='H264' clockrate='90000'>\
             <parameter name='profile-level-id' value='42e01f;level-asymmetry-allowed=1;packetization-mode=1;'/></payload-type>",
        );
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [
            pair("profile-level-id", "42e01f"),
            pair("level-asymmetry-allowed", "1"),
            pair("packetization-mode", "1"),
        ];
        assert_eq!(read.payload_types[0].parameters, expected);
    }

    #[test]
    fn numbers_out_of_range_and_lines_in_text_are_left_out() {
        let read = content(
            "<payload-type id='128' name='VP8' clockrate='90000'/><payload-type id='1' name='V&#10;P8' clockrate='90000'/>\
             <payload-type id='2' name='VP8' clockrate='0'/><payload-type id='3' name='VP8' clockrate='90000'>\
             <parameter name='a' value='b&#13;&#10;a=evil'/></payload-type>",
        );
        assert_eq!(read.payload_types.len(), 1);
        assert_eq!(read.payload_types[0].parameters, []);
    }

    #[test]
    fn lists_are_cut() {
        let read = content(&"<payload-type id='3' name='VP8' clockrate='90000'/>".repeat(1000));
        assert_eq!(read.payload_types.len(), MAX_PAYLOADS);
    }
}
