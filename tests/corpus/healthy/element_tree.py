"""An XML document is built, written and read again."""

import xml.etree.ElementTree as ElementTree


def work():
    root = ElementTree.Element("orders")
    for number in range(30):
        item = ElementTree.SubElement(root, "order", {"number": str(number)})
        item.text = "text" * 3
    text = ElementTree.tostring(root)
    return len(ElementTree.fromstring(text).findall(".//order[@number='7']"))
