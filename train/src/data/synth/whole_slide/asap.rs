//! Lesions as ASAP XML, in the groups of CAMELYON16: `_0` is tumour, `_2` is an exclusion.

use std::fmt::Write as _;

use super::Lesion;

/// The XML of all polygons. A slide without lesions has the groups and no annotation.
pub(super) fn xml(lesions: &[Lesion]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\"?>\n<ASAP_Annotations>\n\t<Annotations>\n");
    for (number, lesion) in (1..).zip(lesions) {
        for (part, polygon) in (1..).zip(&lesion.parts) {
            annotation(&mut xml, &format!("Lesion {number}, part {part}"), "_0", polygon);
        }
        for (hole, polygon) in (1..).zip(&lesion.exclusions) {
            annotation(&mut xml, &format!("Lesion {number}, exclusion {hole}"), "_2", polygon);
        }
    }
    xml.push_str("\t</Annotations>\n\t<AnnotationGroups>\n");
    for (group, colour) in [("_0", TUMOUR), ("_2", EXCLUSION)] {
        // Writing to a string does not fail.
        let _ = write!(
            xml,
            "\t\t<Group Name=\"{group}\" PartOfGroup=\"None\" Color=\"{colour}\">\n\t\t\t<Attributes />\n\t\t</Group>\n"
        );
    }
    xml.push_str("\t</AnnotationGroups>\n</ASAP_Annotations>\n");
    xml
}

const TUMOUR: &str = "#F4FA58";
const EXCLUSION: &str = "#64FE2E";

fn annotation(xml: &mut String, name: &str, group: &str, polygon: &[[f64; 2]]) {
    let colour = if group == "_0" { TUMOUR } else { EXCLUSION };
    let _ = write!(
        xml,
        "\t\t<Annotation Name=\"{name}\" Type=\"Polygon\" PartOfGroup=\"{group}\" Color=\"{colour}\">\n\t\t\t<Coordinates>\n"
    );
    for (order, [x, y]) in polygon.iter().enumerate() {
        let _ = writeln!(xml, "\t\t\t\t<Coordinate Order=\"{order}\" X=\"{x}\" Y=\"{y}\" />");
    }
    xml.push_str("\t\t\t</Coordinates>\n\t\t</Annotation>\n");
}
