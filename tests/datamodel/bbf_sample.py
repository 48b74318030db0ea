"""Small model in the format of the Broadband Forum, with every feature of such a file."""

from __future__ import annotations

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.schema import Model
from cwmpagent.datamodel.sources.bbf.model import read_bbf

NAME = "box.xml"
TYPES = """
  <dataType name="Short"><description>Not &lt;read&gt;.</description><string><size maxLength="8"/></string></dataType>
  <dataType name="Word" base="Short"><pattern value=""/><pattern value="[a-z]+"/></dataType>
  <dataType name="Level"><int><range minInclusive="-10" maxInclusive="10" step="5"/><units value="dB"/></int></dataType>
  <dataType name="State">
    <string><enumeration value="None" access="readOnly"/><enumeration value="Requested"/>
      <enumeration value="Old" status="deleted"/></string>
  </dataType>
  <dataType name="Pair"><list minItems="2" maxItems="2"/><unsignedInt/></dataType>
"""
PROFILES = """
    <profile name="Base:1" version="1.0">
      <object ref="Device.Box." requirement="present"><parameter ref="Name" requirement="readOnly"/></object>
    </profile>
    <profile name="Base:2" base="Base:1" version="1.0">
      <object ref="Device.Box.Port.{i}." requirement="createDelete">
        <parameter ref="Enable" requirement="readWrite"/><parameter ref="Gone" requirement="readOnly"/>
      </object>
    </profile>
    <profile name="Extra:1" extends="Base:2 Other:1" version="1.0"/>
    <profile name="Other:1" version="1.0" status="deleted">
      <object ref="Device.Box.Deep.Down." requirement="present"><parameter ref="Depth" requirement="readOnly"/></object>
    </profile>
"""
OBJECTS = """
    <object name="Device." access="readOnly" minEntries="1" maxEntries="1">
      <parameter name="RootDataModelVersion" access="readOnly" forcedInform="true">
        <syntax><string><size maxLength="32"/><pattern value="2\\.\\d+"/></string></syntax>
      </parameter>
    </object>
    <object name="Device.DeviceInfo." access="readOnly">
      <parameter name="UpTime" access="readOnly" activeNotify="canDeny"><syntax><unsignedInt/></syntax></parameter>
    </object>
    <object name="Device.ManagementServer." access="readOnly">
      <parameter name="Password" access="readWrite"><syntax hidden="true"><string/></syntax></parameter>
      <parameter name="PeriodicInformInterval" access="readWrite">
        <syntax><unsignedInt><range minInclusive="1"/><units value="seconds"/></unsignedInt></syntax>
      </parameter>
      <parameter name="ConnectionRequestURL" access="readOnly" activeNotify="forceDefaultEnabled" forcedInform="true">
        <syntax><string/></syntax>
      </parameter>
    </object>
    <object name="Device.Box." access="readOnly" minEntries="1" maxEntries="1">
      <description>Passed over, with <b>whatever</b> <parameter name="x"/> is in it.</description>
      <parameter name="Name " access="readWrite" activeNotify="forceEnabled">
        <syntax><dataType ref="Word"/><default type="object" value="box"/></syntax>
      </parameter>
      <parameter name="Level"><syntax><dataType ref="Level"/></syntax></parameter>
      <parameter name="Narrow" access="readWrite">
        <syntax><dataType ref="Level"><range minInclusive="5" maxInclusive="10"/></dataType></syntax>
      </parameter>
      <parameter name="State" access="readWrite"><syntax><dataType ref="State"/></syntax></parameter>
      <parameter name="Secret" access="readWrite"><syntax secured="true"><hexBinary><size minLength="2" maxLength="4"/>
        </hexBinary></syntax></parameter>
      <parameter name="Reset" access="readWrite"><syntax command="true"><boolean/></syntax></parameter>
      <parameter name="Share"><syntax><decimal><units value="percent"/></decimal></syntax></parameter>
      <parameter name="Since"><syntax><dateTime/></syntax></parameter>
      <parameter name="Numbers" access="readWrite">
        <syntax><list minItems="1" maxItems="3"><size maxLength="20"/></list>
          <unsignedInt><range maxInclusive="4"/><range minInclusive="10"/></unsignedInt></syntax>
      </parameter>
      <parameter name="Pair"><syntax><dataType ref="Pair"/></syntax></parameter>
      <parameter name="Pairs"><syntax><list nestedBrackets="required"><size maxLength="99"/></list>
        <dataType ref="Pair"/></syntax></parameter>
      <parameter name="Sizes"><syntax><base64><size minLength="3" maxLength="3"/><size minLength="6" maxLength="9"/>
        </base64></syntax></parameter>
      <parameter name="Odd"><syntax><string><pattern value="a+?"/></string></syntax></parameter>
      <parameter name="Chosen"><syntax><string><enumerationRef targetParam="Name"/></string></syntax></parameter>
      <parameter name="Undated"><syntax><dateTime/><default type="object" value=""/></syntax></parameter>
      <parameter name="Main" access="readWrite"><syntax><string><size maxLength="256"/>
        <pathRef refType="strong" targetType="row" targetParent="Port."/></string></syntax></parameter>
      <parameter name="Any" access="readWrite"><syntax><list/><string>
        <pathRef refType="strong" targetType="row"/></string></syntax></parameter>
      <parameter name="Weak" access="readWrite"><syntax><string>
        <pathRef refType="weak" targetType="row" targetParent=".Box.Port."/></string></syntax></parameter>
      <parameter name="PortNumberOfEntries"><syntax><unsignedInt/></syntax></parameter>
    </object>
    <object name="Device.Box.Port.{i}." access="readWrite" numEntriesParameter="PortNumberOfEntries"
        enableParameter="Enable" minEntries="0" maxEntries="2">
      <uniqueKey functional="false"><parameter ref="Alias"/></uniqueKey>
      <uniqueKey functional="true"><parameter ref="Number"/><parameter ref="Gone"/></uniqueKey>
      <parameter name="Enable" access="readWrite"><syntax><boolean/><default type="object" value="false"/></syntax>
      </parameter>
      <parameter name="Alias" access="writeOnceReadOnly"><syntax><string><size maxLength="64"/></string></syntax>
      </parameter>
      <parameter name="Number" access="readWrite"><syntax><unsignedLong/></syntax></parameter>
      <parameter name="Gone" status="deleted"><syntax><long/></syntax></parameter>
      <parameter name="Peer" access="readWrite"><syntax><string>
        <pathRef refType="strong" targetType="row" targetParent=" #.Port. ##.Else.Where. "/></string></syntax>
      </parameter>
    </object>
    <object name="Device.Box.Deep."/>
    <object name="Device.Box.Deep.Down." access="readOnly">
      <parameter name="Depth"><syntax><int><range minInclusive="-9" maxInclusive="-3"/></int></syntax></parameter>
    </object>
"""


def document(objects: str = OBJECTS, types: str = TYPES, profiles: str = PROFILES, model: str = "") -> bytes:
    """Complete file of a model."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<dm:document xmlns:dm="urn:broadband-forum-org:cwmp:datamodel-1-14" spec="s" file="f">'
        "<bibliography><reference id='x'><name>x</name></reference></bibliography>"
        f'{types}<model name="Device:2.5" {model}>{objects}{profiles}</model></dm:document>'
    ).encode()


def read(data: bytes, *profiles: str) -> Model:
    """Model of a file."""
    builder = ModelBuilder()
    read_bbf(data, NAME, builder, profiles)
    return builder.build(NAME)
